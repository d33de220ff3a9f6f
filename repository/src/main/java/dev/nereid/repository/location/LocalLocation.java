package dev.nereid.repository.location;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.FileFailures;
import dev.nereid.repository.config.ModelFiles;
import dev.nereid.repository.config.PathGuard;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * A directory with models, which are used where they lie.
 *
 * @param path the directory, as it was given
 */
public record LocalLocation(Path path) implements RepositoryLocation {
    @Override
    public String name() {
        return path.toString();
    }

    @Override
    public Optional<Path> directory() {
        return Optional.of(path);
    }

    @Override
    public Set<String> models() {
        Set<String> models = new TreeSet<>();
        try (Stream<Path> entries = Files.list(path)) {
            entries.filter(Files::isDirectory).map(directory -> String.valueOf(directory.getFileName()))
                    .filter(name -> PathGuard.isModelName(name) && !ModelFiles.isLeftByTools(name))
                    .forEach(models::add);
        } catch (IOException | UncheckedIOException e) {
            throw new InferenceException(StatusCode.INTERNAL,
                    "failed to list model repository '" + path + "': " + FileFailures.reason(e), e);
        }
        return models;
    }

    @Override
    public Optional<FoundModel> find(String model) {
        try {
            Path directory = path.resolve(model);
            return !ModelFiles.isLeftByTools(model) && Files.isDirectory(directory)
                    ? Optional.of(() -> directory)
                    : Optional.empty();
        } catch (InvalidPathException e) {
            // No directory can have that name.
            return Optional.empty();
        }
    }

    @Override
    public Optional<String> hint() {
        return Optional.empty();
    }

    @Override
    public String withoutPlaces(String text) {
        return text.replace(path + "/", "");
    }

    @Override
    public boolean holds(Path modelDirectory) {
        return path.equals(modelDirectory.getParent());
    }

    @Override
    public HeldDirectory hold(Path modelDirectory) {
        return HeldDirectory.NONE;
    }

    @Override
    public void close() {
        // Nothing is open.
    }
}
