package dev.nereid.backend.texttagger;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.foreign.MemorySegment;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;

/** Finds tags in texts. Immutable; any thread may call it. */
final class Tagger {
    private static final Comparator<Span> FIRST_THEN_LONGEST = Comparator.comparingInt(Span::begin)
            .thenComparing(Comparator.comparingInt(Span::length).reversed());

    private final List<TagPattern> patterns;
    private final TaggerLimits limits;

    Tagger(List<TagPattern> patterns, TaggerLimits limits) {
        this.patterns = patterns;
        this.limits = limits;
    }

    /**
     * Decodes one element of a BYTES tensor.
     *
     * @throws InferenceException INVALID_ARG when it is too long, or not UTF-8
     */
    String decode(MemorySegment element) {
        if (element.byteSize() > limits.textBytes()) {
            throw InferenceException.invalid("a text has " + element.byteSize() + " bytes, expected at most "
                    + limits.textBytes() + " (parameter 'max_text_bytes')");
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(element.asByteBuffer()).toString();
        } catch (CharacterCodingException e) {
            throw new InferenceException(StatusCode.INVALID_ARG, "a text is not UTF-8", e);
        }
    }

    /**
     * Returns the tags of a text from left to right. Where two overlap, the one that begins first counts; of those, the
     * longest; of those, the one whose pattern comes first in the file.
     *
     * @throws InferenceException INVALID_ARG when a pattern takes too long for this text
     */
    List<Span> tag(String text) {
        List<Span> found = new ArrayList<>();
        for (TagPattern each : patterns) {
            find(each, text, found);
        }
        found.sort(FIRST_THEN_LONGEST);
        List<Span> spans = new ArrayList<>();
        int end = 0;
        for (Span span : found) {
            if (span.begin() >= end) {
                spans.add(span);
                end = span.end();
            }
        }
        return spans;
    }

    private void find(TagPattern pattern, String text, List<Span> found) {
        try {
            Matcher matcher = pattern.pattern().matcher(new CountedText(text, limits.steps()));
            while (matcher.find()) {
                if (matcher.end() > matcher.start()) {
                    found.add(new Span(pattern.tag(), matcher.start(), matcher.end()));
                }
            }
        } catch (CountedText.OutOfSteps e) {
            throw InferenceException.invalid("the pattern of tag '" + pattern.tag() + "' takes more than "
                    + limits.steps() + " steps (parameter 'max_steps') for a text of " + text.length()
                    + " characters");
        } catch (StackOverflowError e) {
            // The JDK's engine recurses for each repetition of a group.
            throw InferenceException.invalid("the pattern of tag '" + pattern.tag()
                    + "' repeats a group too often for a text of " + text.length() + " characters");
        }
    }

    /** Returns the tags as a JSON array; positions count Unicode characters. */
    static String json(String text, List<Span> spans) {
        StringBuilder json = new StringBuilder("[");
        int position = 0;
        int characters = 0;
        for (Span span : spans) {
            characters += text.codePointCount(position, span.begin());
            int end = characters + text.codePointCount(span.begin(), span.end());
            json.append(json.length() == 1 ? "" : ",").append("{\"tag\":\"").append(span.tag()).append("\",\"begin\":")
                    .append(characters).append(",\"end\":").append(end).append(",\"text\":\"");
            escape(text.substring(span.begin(), span.end()), json);
            json.append("\"}");
            position = span.end();
            characters = end;
        }
        return json.append(']').toString();
    }

    private static void escape(String text, StringBuilder json) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                json.append('\\').append(c);
            } else if (c < ' ') {
                json.append("\\u00").append(c < 0x10 ? "0" : "").append(Integer.toHexString(c));
            } else {
                json.append(c);
            }
        }
    }

    /** Returns the text with each tagged part replaced by its tag in angle brackets. */
    static String mask(String text, List<Span> spans) {
        StringBuilder masked = new StringBuilder(text.length());
        int position = 0;
        for (Span span : spans) {
            masked.append(text, position, span.begin()).append('<').append(span.tag()).append('>');
            position = span.end();
        }
        return masked.append(text, position, text.length()).toString();
    }
}
