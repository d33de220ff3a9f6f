package dev.nereid.repository.location;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.json.JsonCursor;
import dev.nereid.repository.config.FileFailures;
import dev.nereid.repository.config.Printable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The reference's file of credentials, named by {@code TRITON_CLOUD_CREDENTIAL_PATH}: for each scheme, entries by the
 * beginning of the locations that they are for. Stateless: the file is read each time.
 */
public final class CloudCredentials {
    /** The environment variable that names the file. */
    public static final String VARIABLE = "TRITON_CLOUD_CREDENTIAL_PATH";
    private static final int MAX_DEPTH = 8;

    private CloudCredentials() {
    }

    /**
     * Returns the entry for a location, whose beginning is the longest; an entry that is just a text is under the empty name.
     * Empty where no file is named, or it has no entry for the location.
     *
     * @throws InferenceException when the file can't be read, or is not as it should be
     */
    public static Map<String, String> of(Map<String, String> environment, String location) {
        String file = environment.getOrDefault(VARIABLE, "");
        if (file.isEmpty()) {
            return Map.of();
        }
        try {
            return find(Files.readString(Path.of(file)), location);
        } catch (IOException | InvalidPathException e) {
            throw InferenceException.invalid(VARIABLE + " names '" + file + "', which can't be read: "
                    + FileFailures.reason(e));
        } catch (InferenceException e) {
            throw new InferenceException(e.code(), "the file that " + VARIABLE + " names: " + e.getMessage(), e);
        }
    }

    private static Map<String, String> find(String json, String location) {
        String scheme = location.substring(0, Math.max(0, location.indexOf("://")));
        Map<String, Map<String, String>> entries = new LinkedHashMap<>();
        JsonCursor cursor = new JsonCursor(json, MAX_DEPTH, Printable::escape);
        cursor.object(key -> () -> cursor.object(prefix -> () -> {
            Map<String, String> entry = new LinkedHashMap<>();
            if (cursor.isString()) {
                entry.put("", cursor.string());
            } else {
                cursor.object(name -> () -> entry.put(name, cursor.string()));
            }
            if (key.equals(scheme)) {
                entries.put(prefix, entry);
            }
        }));
        cursor.end();
        String longest = null;
        for (String prefix : entries.keySet()) {
            if (location.startsWith(prefix) && (longest == null || prefix.length() > longest.length())) {
                longest = prefix;
            }
        }
        return longest == null ? Map.of() : entries.getOrDefault(longest, Map.of());
    }
}
