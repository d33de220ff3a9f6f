package dev.nereid.repository;

import dev.nereid.repository.Fingerprint.Stamp;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** What the files of a model hold, wherever they lie. Stateless. */
public final class ModelContents {
    private static final int CHUNK = 1 << 16;

    private ModelContents() {
    }

    /**
     * Returns a SHA-256 digest, in hexadecimal digits, of what one version of a model is made of: its name, its configuration,
     * and the names and contents of the files in the version's directory and beside the versions. Reads all of them.
     *
     * @param config the configuration as the version was loaded with
     * @return empty where a file is not the one that it was when the model was polled, or can't be read
     */
    public static Optional<String> digest(PolledModel polled, long version, String config) {
        Map<String, Stamp> files = new TreeMap<>(polled.fingerprint().rest());
        files.putAll(polled.fingerprint().versions().getOrDefault(version, Map.of()));
        MessageDigest digest = sha256();
        add(digest, polled.name());
        add(digest, Long.toString(version));
        add(digest, config);
        for (Map.Entry<String, Stamp> file : files.entrySet()) {
            Path path = polled.directory().resolve(file.getKey());
            try {
                add(digest, file.getKey());
                if (Files.isDirectory(path)) {
                    continue;
                }
                add(digest, Long.toString(file.getValue().size()));
                add(digest, path);
                if (!Stamp.of(Files.readAttributes(path, BasicFileAttributes.class)).equals(file.getValue())) {
                    return Optional.empty();
                }
            } catch (IOException e) {
                return Optional.empty();
            }
        }
        return Optional.of(HexFormat.of().formatHex(digest.digest()));
    }

    private static void add(MessageDigest digest, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        digest.update((bytes.length + " ").getBytes(StandardCharsets.UTF_8));
        digest.update(bytes);
    }

    private static void add(MessageDigest digest, Path file) throws IOException {
        byte[] chunk = new byte[CHUNK];
        try (InputStream in = Files.newInputStream(file)) {
            for (int read = in.read(chunk); read >= 0; read = in.read(chunk)) {
                digest.update(chunk, 0, read);
            }
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
