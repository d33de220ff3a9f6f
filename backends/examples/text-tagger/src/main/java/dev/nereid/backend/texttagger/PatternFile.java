package dev.nereid.backend.texttagger;

import dev.nereid.backend.api.FileErrors;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * The model's file: on each line a tag, white space, and a regular expression up to the end of the line. Empty lines and
 * lines that start with {@code #} say nothing. A tag may have several lines.
 */
final class PatternFile {
    private static final long MAX_BYTES = 1 << 20;
    private static final Pattern TAG = Pattern.compile("[A-Za-z][A-Za-z0-9_-]*");
    private static final Pattern GAP = Pattern.compile("\\s+");

    private PatternFile() {
    }

    /**
     * Reads the patterns.
     *
     * @param name what texts call the file
     * @throws InferenceException NOT_FOUND without the file; INVALID_ARG with the line that is wrong
     */
    static List<TagPattern> read(Path file, String name) {
        List<TagPattern> patterns = new ArrayList<>();
        List<String> lines = lines(file, name);
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (!line.isEmpty() && !line.startsWith("#")) {
                patterns.add(parse(line, "'" + name + "', line " + (i + 1)));
            }
        }
        if (patterns.isEmpty()) {
            throw InferenceException
                    .invalid("'" + name + "' has no patterns, expected lines of tag and regular expression");
        }
        return List.copyOf(patterns);
    }

    private static List<String> lines(Path file, String name) {
        try {
            long size = Files.size(file);
            if (size > MAX_BYTES) {
                throw InferenceException
                        .invalid("'" + name + "' has " + size + " bytes, expected at most " + MAX_BYTES);
            }
            return Files.readAllLines(file, StandardCharsets.UTF_8);
        } catch (NoSuchFileException e) {
            throw new InferenceException(StatusCode.NOT_FOUND,
                    "the version's directory has no file '" + name + "' with the patterns", e);
        } catch (CharacterCodingException e) {
            throw new InferenceException(StatusCode.INVALID_ARG, "'" + name + "' is not UTF-8", e);
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INTERNAL, "'" + name + "' can't be read: " + FileErrors.reason(e),
                    e);
        }
    }

    private static TagPattern parse(String line, String place) {
        String[] parts = GAP.split(line, 2);
        if (parts.length < 2) {
            throw InferenceException.invalid(place + " is '" + line + "', expected a tag and a regular expression");
        }
        if (!TAG.matcher(parts[0]).matches()) {
            throw InferenceException
                    .invalid(place + ": tag '" + parts[0] + "' must be a letter, then letters, digits, '_' and '-'");
        }
        try {
            return new TagPattern(parts[0], Pattern.compile(parts[1]));
        } catch (PatternSyntaxException e) {
            throw new InferenceException(StatusCode.INVALID_ARG,
                    place + ": the pattern of tag '" + parts[0] + "' is wrong"
                            + (e.getIndex() < 0 ? "" : " at character " + (e.getIndex() + 1)) + ": "
                            + e.getDescription(),
                    e);
        } catch (StackOverflowError e) {
            throw new InferenceException(StatusCode.INVALID_ARG,
                    place + ": the pattern of tag '" + parts[0] + "' is nested too deeply", e);
        }
    }
}
