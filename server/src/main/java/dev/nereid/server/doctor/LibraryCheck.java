package dev.nereid.server.doctor;

import dev.nereid.backend.api.Diagnosis;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The native libraries: those of the vendor that are installed, and those that backends have loaded into this process. */
final class LibraryCheck {
    private static final String GROUP = "Native libraries";
    private static final int SHOWN = 6;
    private static final Map<String, String> VENDOR = Map.of("CUDA runtime", "libcudart.so", "cuDNN", "libcudnn.so",
            "TensorRT", "libnvinfer.so");

    private LibraryCheck() {
    }

    /** Returns where the system usually looks for libraries. */
    static List<Path> directories(String libraryPath) {
        List<Path> all = new ArrayList<>();
        for (String directory : libraryPath.split(":", -1)) {
            if (!directory.isEmpty()) {
                all.add(Path.of(directory));
            }
        }
        for (String directory : List.of("/usr/local/cuda/lib64", "/usr/local/lib", "/usr/lib/x86_64-linux-gnu",
                "/usr/lib64", "/usr/local/tensorrt/lib")) {
            all.add(Path.of(directory));
        }
        return all;
    }

    /** Looks for the vendor's libraries; without them GPU backends need their own. */
    static void vendor(List<Path> directories, Findings findings) {
        new TreeMap<>(VENDOR).forEach((what, file) -> findings.add(GROUP, Diagnosis.ok(what, find(directories, file)
                .orElse("not installed on this system; a backend may bring its own"))));
    }

    private static Optional<String> find(List<Path> directories, String file) {
        for (Path directory : directories) {
            if (!Files.isDirectory(directory)) {
                continue;
            }
            try (Stream<Path> entries = Files.list(directory)) {
                // The longest name has the whole version.
                Optional<Path> found = entries.filter(path -> path.getFileName().toString().startsWith(file))
                        .max((one, other) -> Integer.compare(one.toString().length(), other.toString().length()));
                if (found.isPresent()) {
                    return found.map(Path::toString);
                }
            } catch (IOException ignored) {
                // What can't be read holds nothing that could be loaded.
            }
        }
        return Optional.empty();
    }

    /** Looks at what is loaded, without what comes with Java and the system. */
    static void loaded(Path maps, Findings findings) {
        Map<Path, Set<String>> byDirectory = new TreeMap<>();
        for (Path library : libraries(maps)) {
            Path directory = library.getParent();
            if (directory != null) {
                byDirectory.computeIfAbsent(directory, ignored -> new TreeSet<>())
                        .add(library.getFileName().toString());
            }
        }
        byDirectory.forEach((directory, names) -> findings.add(GROUP,
                Diagnosis.ok("loaded by backends", directory + ": "
                        + names.stream().limit(SHOWN).collect(Collectors.joining(", "))
                        + (names.size() > SHOWN ? " and " + (names.size() - SHOWN) + " more" : ""))));
    }

    private static Set<Path> libraries(Path maps) {
        Set<Path> found = new LinkedHashSet<>();
        List<String> system = List.of("/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/",
                System.getProperty("java.home") + "/");
        try (Stream<String> lines = Files.lines(maps)) {
            lines.forEach(line -> {
                int start = line.indexOf('/');
                String file = start < 0 ? "" : line.substring(start);
                if ((file.endsWith(".so") || file.contains(".so.")) && system.stream().noneMatch(file::startsWith)) {
                    found.add(Path.of(file));
                }
            });
        } catch (IOException e) {
            return Set.of();
        }
        return found;
    }
}
