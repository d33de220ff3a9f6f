package dev.nereid.server.console;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The files of the console's page, as they lie in the jar. Immutable. */
public final class PageFiles {
    private static final String LIST = "files.txt";
    private static final String START = "index.html";
    private static final Map<String, String> TYPES = Map.of("html", "text/html; charset=utf-8", "css",
            "text/css; charset=utf-8", "js", "text/javascript; charset=utf-8", "svg", "image/svg+xml");

    private final Map<String, PageFile> files;

    /**
     * A file.
     *
     * @param type its media type
     * @param tag its entity tag, quoted, which is another one for any other content
     * @param bytes its content; not to be changed
     */
    @SuppressWarnings("ArrayRecordComponent") // Never compared.
    public record PageFile(String type, String tag, byte[] bytes) {
    }

    private PageFiles(Map<String, PageFile> files) {
        this.files = Map.copyOf(files);
    }

    /** Reads the files. */
    public static PageFiles read() {
        Map<String, PageFile> files = new LinkedHashMap<>();
        new String(bytes(LIST), StandardCharsets.UTF_8).lines().filter(name -> !name.isBlank()).forEach(name -> {
            PageFile file = file(name);
            files.put("/" + name, file);
            if (name.equals(START)) {
                files.put("/", file);
            }
        });
        return new PageFiles(files);
    }

    private static PageFile file(String name) {
        byte[] bytes = bytes(name);
        String type = TYPES.get(name.substring(name.lastIndexOf('.') + 1));
        if (type == null) {
            throw new IllegalStateException("file " + name + " of the console is of no known type");
        }
        return new PageFile(type, '"' + sum(bytes) + '"', bytes);
    }

    private static byte[] bytes(String name) {
        try (InputStream in = PageFiles.class.getResourceAsStream("page/" + name)) {
            if (in == null) {
                throw new IllegalStateException("file " + name + " of the console is missing");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String sum(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes), 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns the file at that path; empty where there is none. */
    public Optional<PageFile> find(String path) {
        return Optional.ofNullable(files.get(path));
    }

    /** Returns how many bytes all files have. */
    long byteSize() {
        return files.entrySet().stream().filter(each -> !each.getKey().equals("/"))
                .mapToLong(each -> each.getValue().bytes().length).sum();
    }
}
