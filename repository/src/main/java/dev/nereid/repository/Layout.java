package dev.nereid.repository;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Recognises the usual mistakes in the layout of a repository and says what to change. */
final class Layout {
    private static final List<String> MODEL_FILES = List.of("model.pt", "model.pt2", "model.plan", "model.onnx",
            "model.xml", "model.py", "model.savedmodel", "model.graphdef");
    private static final int MAX_SHOWN = 10;

    private Layout() {
    }

    /** Returns what is wrong with a directory that should hold models. */
    static Optional<String> repositoryHint(Path location) {
        if (Files.isRegularFile(location.resolve("config.pbtxt"))) {
            return Optional.of("'" + location + "' holds a config.pbtxt, so it looks like the directory of one model; "
                    + "the model repository is the directory above it");
        }
        if (!VersionDirectories.scan(location).versions().isEmpty()) {
            return Optional.of("'" + location + "' holds version directories, so it looks like the directory of one "
                    + "model; the model repository is the directory above it");
        }
        return Optional.empty();
    }

    /** Returns what is wrong with a model's directory of which no version can be used. */
    static Optional<String> modelHint(Path modelDirectory) {
        Path name = modelDirectory.getFileName();
        for (String file : MODEL_FILES) {
            if (Files.exists(modelDirectory.resolve(file))) {
                return Optional.of("'" + file + "' lies directly in '" + modelDirectory
                        + "'; move it into a version directory: '" + name + "/1/" + file + "'");
            }
        }
        if (VersionDirectories.scan(modelDirectory).versions().isEmpty()) {
            return Optional.of("'" + modelDirectory + "' has no version directory, which is one with a number for a "
                    + "name such as '" + name + "/1'; it holds: " + contents(modelDirectory));
        }
        return Optional.empty();
    }

    private static String contents(Path directory) {
        try (Stream<Path> entries = Files.list(directory)) {
            List<String> names = entries
                    .map(path -> path.getFileName() + (Files.isDirectory(path) ? "/" : "")).sorted().toList();
            if (names.isEmpty()) {
                return "nothing";
            }
            String shown = String.join(", ", names.subList(0, Math.min(MAX_SHOWN, names.size())));
            return names.size() > MAX_SHOWN ? shown + " and " + (names.size() - MAX_SHOWN) + " more" : shown;
        } catch (IOException | UncheckedIOException e) {
            return "nothing that could be read";
        }
    }
}
