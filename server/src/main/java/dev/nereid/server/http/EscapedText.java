package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** Percent-encoded UTF-8 (RFC 3986, 2.1). */
final class EscapedText {
    private EscapedText() {
    }

    /**
     * Returns the text that a part of a path stands for.
     *
     * @throws InferenceException INVALID_ARG when it is not percent-encoded UTF-8
     */
    static String decode(String part) {
        if (part.indexOf('%') < 0) {
            return part;
        }
        ByteBuffer bytes = ByteBuffer.allocate(part.length());
        for (int i = 0; i < part.length(); i++) {
            char c = part.charAt(i);
            if (c == '%') {
                bytes.put(octet(part, i));
                i += 2;
            } else {
                bytes.put((byte) c);
            }
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes.flip()).toString();
        } catch (CharacterCodingException e) {
            throw invalid(part);
        }
    }

    private static byte octet(String part, int percent) {
        int high = percent + 2 < part.length() ? Character.digit(part.charAt(percent + 1), 16) : -1;
        int low = percent + 2 < part.length() ? Character.digit(part.charAt(percent + 2), 16) : -1;
        if (high < 0 || low < 0) {
            throw invalid(part);
        }
        return (byte) (high << 4 | low);
    }

    private static InferenceException invalid(String part) {
        return InferenceException.invalid("'" + part + "' in the path is not percent-encoded UTF-8");
    }
}
