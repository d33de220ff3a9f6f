package dev.nereid.repository.config;

/** Text from outside, made fit for messages and logs: no line can be forged with it. */
public final class Printable {
    private static final int MAX_LENGTH = 256;

    private Printable() {
    }

    /** Returns {@code text} with control and invisible characters escaped, cut after a sensible length. */
    public static String escape(String text) {
        StringBuilder escaped = new StringBuilder(Math.min(text.length(), MAX_LENGTH));
        for (int i = 0; i < text.length(); i++) {
            if (i == MAX_LENGTH) {
                return escaped.append("...").toString();
            }
            char c = text.charAt(i);
            switch (c) {
                case '\n' -> escaped.append("\\n");
                case '\r' -> escaped.append("\\r");
                case '\t' -> escaped.append("\\t");
                default -> {
                    if (Character.isISOControl(c) || InvisibleCharacters.name(c).isPresent()) {
                        escaped.append(String.format("\\u%04X", (int) c));
                    } else {
                        escaped.append(c);
                    }
                }
            }
        }
        return escaped.toString();
    }
}
