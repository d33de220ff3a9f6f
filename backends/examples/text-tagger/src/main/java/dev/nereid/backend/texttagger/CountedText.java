package dev.nereid.backend.texttagger;

/**
 * A text that counts how often a search looks at it and puts an end to one that goes on too long. Some expressions, such
 * as {@code (a+)+b\1}, take twice as long for each further character; the JDK's engine has no limit of its own, but it can
 * do little without looking at the text.
 */
final class CountedText implements CharSequence {
    private final String text;
    private final int offset;
    private final int length;
    private final Budget budget;

    /** Ends a search; made without a stack, since it is no mistake of ours. */
    static final class OutOfSteps extends RuntimeException {
        private static final long serialVersionUID = 1L;

        OutOfSteps() {
            super("out of steps", null, false, false);
        }
    }

    /** What is left of the steps; shared by the parts of a text. */
    private static final class Budget {
        private int left;

        private Budget(int steps) {
            left = steps;
        }
    }

    CountedText(String text, int steps) {
        this(text, 0, text.length(), new Budget(steps));
    }

    private CountedText(String text, int offset, int length, Budget budget) {
        this.text = text;
        this.offset = offset;
        this.length = length;
        this.budget = budget;
    }

    @Override
    public int length() {
        return length;
    }

    @Override
    public char charAt(int index) {
        if (--budget.left < 0) {
            throw new OutOfSteps();
        }
        return text.charAt(offset + index);
    }

    @Override
    public CharSequence subSequence(int start, int end) {
        return new CountedText(text, offset + start, end - start, budget);
    }

    @Override
    public String toString() {
        return text.substring(offset, offset + length);
    }
}
