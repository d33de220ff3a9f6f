package dev.nereid.backend.texttagger;

import java.util.regex.Pattern;

/**
 * What a tag looks like in a text.
 *
 * @param tag the tag
 * @param pattern a regular expression
 */
record TagPattern(String tag, Pattern pattern) {
}
