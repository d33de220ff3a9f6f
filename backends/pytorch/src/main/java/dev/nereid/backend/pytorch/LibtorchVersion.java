package dev.nereid.backend.pytorch;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.pytorch.presets.torch;

/** Tells the version of a libtorch from its files, before any of them is loaded. */
final class LibtorchVersion {
    private static final String VERSION = "([0-9]+\\.[0-9]+\\.[0-9]+)";

    /** In a wheel, above {@code lib}: {@code __version__ = '2.13.0+cu130'}. */
    private static final Pattern WHEEL = Pattern.compile("__version__\\s*=\\s*['\"]" + VERSION);

    /** In an archive of libtorch, above {@code lib}: {@code 2.13.0+cpu}. */
    private static final Pattern ARCHIVE = Pattern.compile("^" + VERSION);

    private static final int LONGEST = 12;

    private LibtorchVersion() {
    }

    /** Returns the version that the bindings were made for. */
    static String wanted() {
        Properties properties = new Properties();
        // Not through JavaCPP's loader, which reads its settings when it is first touched.
        try (InputStream content = torch.class
                .getResourceAsStream("/META-INF/maven/org.bytedeco/pytorch/pom.properties")) {
            if (content != null) {
                properties.load(content);
            }
        } catch (IOException e) {
            throw new IllegalStateException("the bindings of PyTorch can't be read", e);
        }
        return properties.getProperty("version", "unknown").replaceFirst("-.*", "");
    }

    /** Returns the version, empty where the files don't tell it. */
    static Optional<String> of(Path libraries, String mainLibrary) throws IOException {
        Path parent = libraries.toAbsolutePath().normalize().getParent();
        for (Path directory : parent == null ? List.of(libraries) : List.of(libraries, parent)) {
            Optional<String> told = firstMatch(directory.resolve("version.py"), WHEEL)
                    .or(() -> firstMatch(directory.resolve("build-version"), ARCHIVE));
            if (told.isPresent()) {
                return told;
            }
        }
        return compiledIn(libraries.resolve(mainLibrary));
    }

    private static Optional<String> firstMatch(Path file, Pattern pattern) {
        try {
            // Bytes, whatever the encoding: versions are ASCII.
            String text = Files.isRegularFile(file) && Files.size(file) < 1 << 16
                    ? new String(Files.readAllBytes(file), java.nio.charset.StandardCharsets.ISO_8859_1)
                    : "";
            Matcher matcher = pattern.matcher(text);
            return matcher.find() ? Optional.of(matcher.group(1)) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /**
     * Looks for a version among the strings of the library. It holds those of other things too, so the wanted one counts
     * first, and else the only one that has libtorch's major version.
     */
    private static Optional<String> compiledIn(Path library) throws IOException {
        String wanted = wanted();
        Set<String> found = new LinkedHashSet<>();
        try (FileChannel file = FileChannel.open(library); Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size(), arena);
            long end = bytes.byteSize() - 1;
            for (long dot = 1; dot < end; dot++) {
                // A version has one or two digits before its first dot, and zeros around it.
                if (bytes.get(ValueLayout.JAVA_BYTE, dot) == '.') {
                    versionAround(bytes, dot).ifPresent(found::add);
                }
            }
        }
        if (found.contains(wanted)) {
            return Optional.of(wanted);
        }
        String major = wanted.substring(0, wanted.indexOf('.') + 1);
        List<String> likely = found.stream().filter(version -> version.startsWith(major)).toList();
        return likely.size() == 1 ? Optional.of(likely.getFirst()) : Optional.empty();
    }

    private static Optional<String> versionAround(MemorySegment bytes, long dot) {
        long begin = dot;
        while (begin > 0 && dot - begin <= 2 && bytes.get(ValueLayout.JAVA_BYTE, begin - 1) != 0) {
            begin--;
        }
        long end = dot;
        while (end < bytes.byteSize() && end - begin <= LONGEST && bytes.get(ValueLayout.JAVA_BYTE, end) != 0) {
            end++;
        }
        if (begin == 0 || begin == dot || dot - begin > 2 || end == bytes.byteSize() || end - begin > LONGEST) {
            return Optional.empty();
        }
        String text = new String(bytes.asSlice(begin, end - begin).toArray(ValueLayout.JAVA_BYTE),
                java.nio.charset.StandardCharsets.ISO_8859_1);
        return text.matches(VERSION) ? Optional.of(text) : Optional.empty();
    }
}
