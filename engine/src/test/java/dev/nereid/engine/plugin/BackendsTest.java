package dev.nereid.engine.plugin;

import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Backends in a directory of the test. */
@Timeout(60)
abstract class BackendsTest {
    static final String NOT_FOUND = "unable to find backend library for backend 'b', try specifying runtime on "
            + "the model configuration.";

    @TempDir
    Path directory;
    Backends backends = new Backends(List.of(), Map.of());

    @BeforeEach
    void open() {
        backends = new Backends(List.of(directory), Map.of());
    }

    @AfterEach
    void close() {
        backends.close();
    }

    final String state(String name) {
        return backends.statuses().stream().filter(status -> status.name().equals(name)).findFirst().orElseThrow()
                .state();
    }

    final String failure(String name) {
        InferenceException failure = assertThrows(InferenceException.class, () -> backends.get(name));
        assertNotEquals("", failure.getMessage());
        return failure.getMessage();
    }

    static void waitFor(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
