package dev.nereid.backend.api;

/** Names the sequence that a request belongs to: an unsigned 64-bit number or a text. */
public sealed interface CorrelationId {
    /** The request belongs to no sequence. */
    CorrelationId NONE = new Numeric(0);

    /** Returns whether this names a sequence: 0 and the empty text do not. */
    boolean isPresent();

    /**
     * A numeric id.
     *
     * @param value unsigned
     */
    record Numeric(long value) implements CorrelationId {
        @Override
        public boolean isPresent() {
            return value != 0;
        }

        @Override
        public String toString() {
            return Long.toUnsignedString(value);
        }
    }

    /**
     * A textual id.
     *
     * @param value the text
     */
    record Text(String value) implements CorrelationId {
        @Override
        public boolean isPresent() {
            return !value.isEmpty();
        }

        @Override
        public String toString() {
            return value;
        }
    }
}
