package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** What tests of models share: an engine, a directory, and a way to load a model from its graph. */
abstract class OnnxTest {
    /** One for a class: in a process the library has one environment at a time. */
    private static @Nullable TestEngine engine;

    @TempDir
    Path directory;

    private long liveBefore;

    @BeforeAll
    static void startBackend() {
        engine = TestEngine.start(new OnnxRuntimeBackendFactory());
    }

    @AfterAll
    static void stopBackend() {
        engine().close();
        engine = null;
    }

    static TestEngine engine() {
        return Objects.requireNonNull(engine);
    }

    @BeforeEach
    void count() {
        liveBefore = OrtApi.liveObjects();
    }

    @AfterEach
    void checkRules() {
        engine().assertNoViolations();
        assertEquals(liveBefore, OrtApi.liveObjects(), "objects of ONNX Runtime that were not released");
    }

    /** Writes a model's file; returns the model's directory. */
    Path write(OnnxGraph graph) {
        try {
            Files.createDirectories(directory.resolve("1"));
            graph.write(directory.resolve("1").resolve("model.onnx"));
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    TestModel load(OnnxGraph graph, ModelConfig.Builder config) {
        return engine().load(write(graph), config.build());
    }

    /** Loads a model as a server does that completes configurations. */
    TestModel complete(OnnxGraph graph, ModelConfig.Builder config) {
        return engine().load(write(graph), 1, config.build(), true);
    }

    InferenceException loadFailure(OnnxGraph graph, ModelConfig.Builder config) {
        return assertThrows(InferenceException.class, () -> load(graph, config).close());
    }

    static void assertFailure(StatusCode code, String message, InferenceException failure) {
        assertEquals(message, failure.getMessage());
        assertEquals(code, failure.code());
    }
}
