package dev.nereid.backend.api.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The model that the author of a test gives, and the engine that loads it. The engine is started and the model's files
 * are written when the first check asks for them.
 */
final class SampleModel implements AutoCloseable {
    private static final Pattern CLASS_NAME = Pattern
            .compile("\\b[a-z]\\w*(\\.[a-z]\\w*)+\\.[A-Z]\\w*|\\w+Exception\\b");

    private final BackendContractTest author;
    private @Nullable TestEngine engine;
    private @Nullable Path directory;

    SampleModel(BackendContractTest author) {
        this.author = author;
    }

    ModelConfig config() {
        return author.config();
    }

    ModelConfig configWithInstances(InstanceGroup.Kind kind, int count) {
        return config().toBuilder().instanceGroups(List.of(new InstanceGroup("", kind, count))).build();
    }

    BackendAbilities abilities() {
        return author.abilities();
    }

    List<TestRequest> requests() {
        return author.sampleRequests();
    }

    TestRequest firstRequest() {
        return requests().getFirst();
    }

    List<TestRequest> streamRequests() {
        return author.streamRequests();
    }

    /** Compares what the same request was answered with twice, whatever the number of responses. */
    void assertSameStream(TestResult expected, TestResult actual) {
        assertEquals(expected.responses().size(), actual.responses().size(),
                "the same request got another number of responses");
        for (int i = 0; i < expected.responses().size(); i++) {
            author.assertSameAnswer(new TestResult(List.of(expected.responses().get(i)), Optional.empty()),
                    new TestResult(List.of(actual.responses().get(i)), Optional.empty()));
        }
    }

    List<TestRequest> refusedRequests() {
        return author.refusedRequests();
    }

    boolean isGpuPresent() {
        return author.isGpuPresent();
    }

    long liveResources() {
        return author.liveResources();
    }

    /** Fewer are no fault: what is collected late may have been left by an earlier test. */
    void assertNoMoreResources(long before, String what) {
        long now = liveResources();
        assertTrue(now <= before, () -> what + ": " + before + " before, " + now + " now");
    }

    TestEngine engine() {
        TestEngine started = engine;
        if (started == null) {
            started = TestEngine.start(author.factory(), author.backendDirectory(), author.settings());
            author.offerModels(started);
            engine = started;
        }
        return started;
    }

    Path directory() {
        Path made = directory;
        if (made == null) {
            try {
                made = Files.createTempDirectory("nereid-contract").resolve(config().name());
                directory = made;
                Files.createDirectories(made.resolve("1"));
                author.writeModel(made);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return made;
    }

    Set<Path> files() {
        return files(directory());
    }

    /** Loads the model, checks it, unloads it, and fails with the rules that the backend has broken by then. */
    void whileLoaded(Consumer<TestModel> check) {
        whileLoaded(config(), check);
    }

    /** Does so with another configuration. */
    void whileLoaded(ModelConfig config, Consumer<TestModel> check) {
        try (TestModel model = engine().load(directory(), config)) {
            check.accept(model);
        }
        engine().assertNoViolations();
    }

    void loadAnswerUnload() {
        whileLoaded(model -> {
            assertTrue(model.isReady(), "a loaded model must be ready");
            answersRequests(model);
        });
    }

    void answersRequests(TestModel model) {
        for (TestRequest request : requests()) {
            TestResult result = model.infer(request);
            result.response();
            author.checkAnswer(request, result);
        }
    }

    void assertSameAnswer(TestResult expected, TestResult actual) {
        author.assertSameAnswer(expected, actual);
    }

    static void assertReadable(InferenceException failure) {
        assertFalse(failure.getMessage().isBlank(), "an error must have a message");
        assertFalse(CLASS_NAME.matcher(failure.getMessage()).find(),
                "the message of an error goes to clients and must not name a class: " + failure.getMessage());
    }

    /** Closes the backend and deletes the model's files. */
    @Override
    public void close() {
        TestEngine started = engine;
        Path made = directory;
        engine = null;
        directory = null;
        try {
            if (started != null) {
                started.close();
                started.assertNoViolations();
            }
        } finally {
            if (made != null) {
                delete(made);
            }
        }
    }

    private static Set<Path> files(Path root) {
        try (Stream<Path> paths = Files.walk(root)) {
            return new HashSet<>(paths.toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void delete(Path root) {
        try {
            for (Path path : files(root).stream().sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
            Files.delete(Objects.requireNonNull(root.getParent()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
