package dev.nereid.tools.tune;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.BackendSource;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.EngineOptions.BackendOptions;
import dev.nereid.engine.EngineOptions.LoadOptions;
import dev.nereid.engine.InferenceEngine;
import dev.nereid.engine.ModelVersion;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.stream.Stream;

/**
 * A model in this process, whose configuration changes from one measurement to the next. The engine sees a repository of its
 * own, in which everything but the configuration is a link to the model's files. For one thread.
 */
final class Trial implements AutoCloseable {
    private static final String CONFIG = "config.pbtxt";

    private final String model;
    private final Path scratch;
    private final InferenceEngine engine;
    private String loaded = "";

    private Trial(String model, Path scratch, InferenceEngine engine) {
        this.model = model;
        this.scratch = scratch;
        this.engine = engine;
    }

    /**
     * Makes the repository; nothing is loaded yet.
     *
     * @param model the model's name
     * @param directory its directory
     * @param sources where backends come from
     * @param settings settings by backend
     */
    static Trial open(String model, Path directory, List<BackendSource> sources,
            Map<String, Map<String, String>> settings) {
        Path scratch;
        try {
            scratch = Files.createTempDirectory("nereid-tune-");
        } catch (IOException e) {
            throw new UncheckedIOException("no directory for the trial can be made", e);
        }
        try {
            Path copy = Files.createDirectories(scratch.resolve("models").resolve(model));
            try (Stream<Path> files = Files.list(directory)) {
                for (Path file : files.toList()) {
                    String name = String.valueOf(file.getFileName());
                    if (!name.equals(CONFIG)) {
                        Files.createSymbolicLink(copy.resolve(name), file.toAbsolutePath());
                    }
                }
            }
            EngineOptions options = EngineOptions.DEFAULT.withRepository(scratch.resolve("models"))
                    .with(LoadOptions.DEFAULT.withMode(ControlMode.EXPLICIT))
                    .with(BackendOptions.DEFAULT.withSources(sources.toArray(BackendSource[]::new))
                            .withSettings(settings));
            InferenceEngine engine = InferenceEngine.create(options);
            var _ = engine.start();
            return new Trial(model, scratch, engine);
        } catch (IOException e) {
            delete(scratch);
            throw new UncheckedIOException("no directory for the trial can be made", e);
        } catch (RuntimeException e) {
            delete(scratch);
            throw e;
        }
    }

    /** Returns the engine that has the model. */
    InferenceEngine engine() {
        return engine;
    }

    /** Returns the model as it is loaded. */
    ModelVersion version() {
        return engine.version(model, OptionalLong.empty());
    }

    /**
     * Loads the model with that text as its configuration, unless it is loaded like that; empty for none.
     *
     * @throws TuneException why it can't be loaded
     */
    ModelVersion load(String config) {
        if (config.equals(loaded) && !loaded.isEmpty()) {
            return version();
        }
        Path file = scratch.resolve("models").resolve(model).resolve(CONFIG);
        try {
            if (config.isEmpty()) {
                Files.deleteIfExists(file);
            } else {
                Files.writeString(file, config);
            }
            engine.load(model);
            loaded = config;
            return version();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InferenceException e) {
            throw new TuneException("model '" + model + "' can't be loaded: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        engine.close();
        delete(scratch);
    }

    private static void delete(Path scratch) {
        try (Stream<Path> files = Files.walk(scratch)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the directory of the trial can't be deleted", e);
        }
    }
}
