package dev.nereid.server.cli;

/**
 * A flag of the command line.
 *
 * @param name without the leading dashes
 * @param kind what values it takes
 * @param defaultValue as text; empty for none
 * @param isRepeatable whether it may be given more than once
 * @param group the heading that it stands under in the usage text
 * @param help one sentence
 */
record Flag(String name, Kind kind, String defaultValue, boolean isRepeatable, String group, String help) {

    /** What values a flag takes. */
    enum Kind {
        /** No value: the flag's presence means true. */
        SWITCH,
        /** true, false, 1 or 0. */
        BOOL,
        /** A whole number. */
        NUMBER,
        /** A whole number, or true for 1 and false for 0. */
        LEVEL,
        /** Any text. */
        TEXT
    }
}
