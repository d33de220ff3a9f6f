package dev.nereid.backend.texttagger;

/**
 * A part of a text that has a tag.
 *
 * @param tag the tag
 * @param begin the first UTF-16 unit
 * @param end the unit after the last one
 */
record Span(String tag, int begin, int end) {
    int length() {
        return end - begin;
    }
}
