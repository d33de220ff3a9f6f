package dev.nereid.location.gcs;

import com.google.auth.oauth2.GoogleCredentials;
import dev.nereid.backend.api.InferenceException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * As whom Google Cloud Storage is asked.
 *
 * @param credentials empty for a stranger, who may read what is public
 * @param source where they come from, in words
 */
record GcsAccess(Optional<GoogleCredentials> credentials, String source) {
    private static final String VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS";
    private static final List<String> SCOPES = List.of("https://www.googleapis.com/auth/devstorage.read_only");

    /**
     * Chooses: the entry of the file of credentials, else the file that the environment names, else what Google's library
     * finds by itself: a user who logged in, or the machine's account; else a stranger.
     */
    static GcsAccess of(Map<String, String> entry, Map<String, String> environment) {
        String named = entry.getOrDefault("", "");
        if (!named.isBlank()) {
            return file(named, "the file that TRITON_CLOUD_CREDENTIAL_PATH names");
        }
        String file = environment.getOrDefault(VARIABLE, "");
        if (!file.isBlank()) {
            return file(file, VARIABLE);
        }
        if (!environment.getOrDefault("STORAGE_EMULATOR_HOST", "").isBlank()) {
            return new GcsAccess(Optional.empty(), "nowhere, as emulators need none");
        }
        try {
            return new GcsAccess(Optional.of(GoogleCredentials.getApplicationDefault().createScoped(SCOPES)),
                    "what Google's library finds by itself");
        } catch (IOException e) {
            return new GcsAccess(Optional.empty(),
                    "nowhere: neither TRITON_CLOUD_CREDENTIAL_PATH nor " + VARIABLE
                            + " names any, and the machine has none, so only what is public can be read");
        }
    }

    private static GcsAccess file(String file, String by) {
        String source = "'" + file + "', by " + by;
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            return new GcsAccess(Optional.of(GoogleCredentials.fromStream(in).createScoped(SCOPES)), source);
        } catch (IOException | InvalidPathException e) {
            throw InferenceException.invalid("no credentials can be read from " + source + ": " + e.getMessage());
        }
    }
}
