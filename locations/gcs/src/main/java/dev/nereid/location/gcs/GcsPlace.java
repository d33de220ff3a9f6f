package dev.nereid.location.gcs;

import dev.nereid.backend.api.InferenceException;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Where a repository is: {@code gs://bucket/path}.
 *
 * @param endpoint Google's, or that of {@code STORAGE_EMULATOR_HOST}
 * @param bucket the bucket
 * @param prefix what names of objects begin with: empty, or a path with a slash at its end
 */
record GcsPlace(URI endpoint, String bucket, String prefix) {
    private static final String SCHEME = "gs://";
    private static final String GOOGLE = "https://storage.googleapis.com";
    private static final String EMULATOR = "STORAGE_EMULATOR_HOST";

    /** Reads a location. Slashes too many mean nothing. */
    static GcsPlace parse(String location, Map<String, String> environment) {
        List<String> elements = Arrays.stream(location.substring(SCHEME.length()).split("/"))
                .filter(element -> !element.isEmpty()).toList();
        if (elements.isEmpty()) {
            throw InferenceException
                    .invalid("model repository '" + location + "' names no bucket, expected gs://<bucket>/<path>");
        }
        String path = String.join("/", elements.subList(1, elements.size()));
        return new GcsPlace(endpoint(environment.getOrDefault(EMULATOR, "")), elements.getFirst(),
                path.isEmpty() ? "" : path + "/");
    }

    private static URI endpoint(String emulator) {
        if (emulator.isBlank()) {
            return URI.create(GOOGLE);
        }
        String text = emulator.contains("://") ? emulator : "http://" + emulator;
        try {
            URI uri = URI.create(text.endsWith("/") ? text.substring(0, text.length() - 1) : text);
            if (uri.getHost() != null) {
                return uri;
            }
        } catch (IllegalArgumentException e) {
            // Told below.
        }
        throw InferenceException
                .invalid(EMULATOR + " has value '" + emulator + "', expected <host>:<port> or http://<host>:<port>");
    }
}
