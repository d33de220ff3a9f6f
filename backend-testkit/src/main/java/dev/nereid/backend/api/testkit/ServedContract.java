package dev.nereid.backend.api.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * What a backend must do in a running server as well: the rules that clients can see, over HTTP. The answers of the test
 * engine are those that are expected. Decoupled models are asked by {@code generate_stream}.
 *
 * @param server where the server listens
 * @param backend the backend's name
 * @param directory holds the files of the model
 * @param config the model's configuration
 * @param expected the sample requests and their answers
 * @param refused requests that the backend must refuse
 * @param same compares two answers
 */
record ServedContract(URI server, String backend, Path directory, ModelConfig config,
        Map<TestRequest, TestResult> expected, List<TestRequest> refused, BiConsumer<TestResult, TestResult> same) {
    private static final int ROUNDS = 3;

    /** Returns the checks, by what they check. */
    Map<String, Runnable> checks() {
        Map<String, Runnable> checks = new TreeMap<>();
        checks.put("answers every sample", () -> withModel(config, this::answersSamples));
        if (!config.isDecoupled()) {
            checks.put("answers with the requested outputs", () -> withModel(config, this::answersRequestedOutputs));
        }
        checks.put("takes optional inputs", () -> withModel(config, this::takesOptionalInputs));
        checks.put("answers many clients at once", () -> withModel(instances(2), this::answersManyAtOnce));
        checks.put("refuses bad requests and goes on", () -> withModel(config, this::refusesBadRequests));
        checks.put("answers a request of zero rows", () -> withModel(config, this::answersZeroRows));
        checks.put("is gone after the unload, and loads again", () -> withModel(config, this::isGoneAfterTheUnload));
        return checks;
    }

    /** Fails unless the server refuses to load a model with that configuration, which asks for what is not declared. */
    void assertRefused(ModelConfig wanted) {
        String rule = "a server must refuse a model that asks for an ability that is not declared";
        try {
            withModel(wanted, model -> fail(rule));
        } catch (InferenceException e) {
            assertNotEquals(StatusCode.INTERNAL, e.code(), rule + ", and not with status 500: " + e.getMessage());
        }
    }

    private ServedModel load(ModelConfig wanted) {
        return ServedModel.load(server, directory, wanted, backend);
    }

    private void withModel(ModelConfig wanted, Consumer<ServedModel> check) {
        try (ServedModel model = load(wanted)) {
            check.accept(model);
        }
    }

    private ModelConfig instances(int count) {
        List<InstanceGroup> groups = config.instanceGroups().isEmpty()
                ? List.of(new InstanceGroup("", InstanceGroup.Kind.CPU, count))
                : config.instanceGroups();
        return config.toBuilder().instanceGroups(groups).build();
    }

    private void answersSamples(ServedModel model) {
        expected.forEach((request, result) -> same.accept(result, model.infer(request)));
    }

    private void answersRequestedOutputs(ServedModel model) {
        Map.Entry<TestRequest, TestResult> sample = expected.entrySet().iterator().next();
        for (TestTensor output : sample.getValue().outputs()) {
            assertEquals(List.of(output.name()),
                    model.infer(sample.getKey().requesting(output.name())).outputs().stream().map(TestTensor::name)
                            .toList());
        }
    }

    private void takesOptionalInputs(ServedModel model) {
        TestRequest request = expected.keySet().iterator().next();
        config.inputs().stream().filter(ModelInput::isOptional)
                .forEach(input -> model.infer(request.without(input.name())).response());
    }

    /** Requests of many clients meet in batches and on two instances; each gets its own answer. */
    private void answersManyAtOnce(ServedModel model) {
        List<Future<?>> answers = new ArrayList<>();
        try (ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int round = 0; round < ROUNDS; round++) {
                expected.forEach((request, result) -> answers
                        .add(clients.submit(() -> same.accept(result, model.infer(request)))));
            }
            for (Future<?> answer : answers) {
                answer.get();
            }
        } catch (ExecutionException e) {
            throw new AssertionError(String.valueOf(e.getCause()), e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    private void refusesBadRequests(ServedModel model) {
        TestRequest good = expected.keySet().iterator().next();
        List<TestRequest> bad = new ArrayList<>(refused);
        config.inputs().stream().filter(input -> !input.isOptional()).findFirst()
                .ifPresent(input -> bad.add(good.without(input.name())));
        for (TestRequest request : bad) {
            InferenceException failure = model.infer(request).failure();
            assertNotEquals(StatusCode.INTERNAL, failure.code(),
                    "a bad request must not be answered with status 500: " + failure.getMessage());
            answersSamples(model);
        }
    }

    private void answersZeroRows(ServedModel model) {
        if (config.isBatching()) {
            TestResult ignored = model.infer(expected.keySet().iterator().next().withRows(0));
            answersSamples(model);
        }
    }

    private void isGoneAfterTheUnload(ServedModel model) {
        answersSamples(model);
        model.unload();
        assertNotEquals(StatusCode.INTERNAL, model.infer(expected.keySet().iterator().next()).failure().code());
        withModel(config, this::answersSamples);
    }
}
