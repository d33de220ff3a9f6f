package dev.nereid.backend.api.batch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** Runs one execution of a batch in the test engine. */
final class Executions {
    private Executions() {
    }

    static List<TestResult> batching(Consumer<Batch> execution, TestRequest... requests) {
        return run(8, execution, requests);
    }

    static List<TestResult> notBatching(Consumer<Batch> execution, TestRequest... requests) {
        return run(0, execution, requests);
    }

    private static List<TestResult> run(int maxBatchSize, Consumer<Batch> execution, TestRequest... requests) {
        FakeBackend backend = new FakeBackend("fake").onExecute(execution).attributes(
                BackendAttributes.DEFAULT.withThreadConfinement(ThreadConfinement.ANY_THREAD));
        ModelConfig config = ModelConfig.builder("m").maxBatchSize(maxBatchSize).build();
        try (TestEngine engine = TestEngine.start(backend);
                TestModel model = engine.load(Path.of(""), config)) {
            List<TestResult> results = model.execute(requests);
            engine.assertNoViolations();
            assertEquals(List.of(), backend.violations());
            return results;
        }
    }
}
