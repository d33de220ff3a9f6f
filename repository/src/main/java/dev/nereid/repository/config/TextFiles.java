package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads small text files whole, with a limit, and says in the protocol's words why one cannot be read. */
final class TextFiles {
    private TextFiles() {
    }

    /** Returns the content, which must be UTF-8 of at most {@code maxBytes}. */
    static String read(Path file, int maxBytes) {
        byte[] bytes;
        try (InputStream in = Files.newInputStream(file)) {
            bytes = in.readNBytes(maxBytes + 1);
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INTERNAL, failureText(file, e), e);
        }
        if (bytes.length > maxBytes) {
            throw InferenceException.invalid("text file " + file + " is larger than " + maxBytes + " bytes");
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new InferenceException(StatusCode.INVALID_ARG,
                    "text file " + file + " is not valid UTF-8", e);
        }
    }

    /** Returns the text that clients know for a file that is missing or unreadable. */
    static String failureText(Path file, IOException failure) {
        return "failed to open text file for read " + file + ": " + FileFailures.reason(file, failure);
    }
}
