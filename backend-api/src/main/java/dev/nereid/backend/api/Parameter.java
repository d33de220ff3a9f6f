package dev.nereid.backend.api;

/** The value of a request or response parameter. */
public sealed interface Parameter {
    /** Returns the parameter for that text. */
    static Parameter of(String value) {
        return new Text(value);
    }

    /** Returns the parameter for that number. */
    static Parameter of(long value) {
        return new Int(value);
    }

    /** Returns the parameter for that truth value. */
    static Parameter of(boolean value) {
        return new Bool(value);
    }

    /** Returns the parameter for that number. */
    static Parameter of(double value) {
        return new Real(value);
    }

    /**
     * A text.
     *
     * @param value the text
     */
    record Text(String value) implements Parameter {
        @Override
        public String toString() {
            return value;
        }
    }

    /**
     * A 64-bit integer.
     *
     * @param value the integer
     */
    record Int(long value) implements Parameter {
        @Override
        public String toString() {
            return Long.toString(value);
        }
    }

    /**
     * A truth value.
     *
     * @param value the truth value
     */
    record Bool(boolean value) implements Parameter {
        @Override
        public String toString() {
            return Boolean.toString(value);
        }
    }

    /**
     * A floating-point number.
     *
     * @param value the number
     */
    record Real(double value) implements Parameter {
        @Override
        public String toString() {
            return Double.toString(value);
        }
    }
}
