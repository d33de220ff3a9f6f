package dev.nereid.backend.api.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** Each ability that is declared works; a model that asks for one that is not is refused. */
record AbilityContract(SampleModel sample) {
    void batchesRequests() {
        if (!sample.abilities().batching()) {
            assertUnsupported("batching", batching(sample.config()));
            return;
        }
        assertTrue(sample.config().maxBatchSize() >= 2, "config() must have a max_batch_size of at least 2");
        sample.whileLoaded(model -> {
            List<TestRequest> batch = batch();
            List<TestResult> alone = batch.stream().map(model::infer).toList();
            assertSameAnswers(alone, model.executeOn(0, batch));
            assertSameAnswers(alone.reversed(), model.executeOn(0, batch.reversed()));
        });
    }

    void answersARequestOfZeroRows() {
        Assumptions.assumeTrue(sample.abilities().batching(), "the backend does not batch");
        sample.whileLoaded(model -> {
            TestResult result = model.infer(sample.firstRequest().withRows(0));
            assertEquals(1, result.responses().size() + (result.error().isPresent() ? 1 : 0));
            model.infer(sample.firstRequest()).response();
        });
    }

    void takesDynamicShapes() {
        if (!sample.abilities().dynamicShapes()) {
            if (!sample.config().inputs().isEmpty()) {
                assertUnsupported("dynamic shapes", ofAnyShape(sample.config()));
            }
            return;
        }
        assertTrue(sample.config().inputs().stream().anyMatch(input -> !input.dims().isFixed()),
                "config() must have an input with a dimension of -1");
        int skipped = sample.config().isBatching() ? 1 : 0;
        long shapes = sample.requests().stream().map(request -> request.inputs().stream()
                .map(input -> IntStream.range(skipped, input.shape().rank()).mapToObj(input.shape()::dimension)
                        .toList())
                .toList()).distinct().count();
        assertTrue(shapes >= 2, "sampleRequests() must have two requests of different shapes");
        sample.loadAnswerUnload();
    }

    void takesOptionalInputs() {
        if (!sample.abilities().optionalInputs()) {
            if (!sample.config().inputs().isEmpty()) {
                assertUnsupported("optional inputs", withOptionalInput(sample.config()));
            }
            return;
        }
        List<String> names = sample.config().inputs().stream().filter(ModelInput::isOptional).map(ModelInput::name)
                .toList();
        assertFalse(names.isEmpty(), "config() must have an optional input");
        sample.whileLoaded(model -> {
            for (String name : names) {
                model.infer(sample.firstRequest().without(name)).response();
            }
        });
    }

    void runsOnDeclaredDevices() {
        for (InstanceGroup.Kind kind : EnumSet.of(InstanceGroup.Kind.CPU, InstanceGroup.Kind.GPU,
                InstanceGroup.Kind.MODEL)) {
            ModelConfig config = sample.configWithInstances(kind, 1);
            if (!sample.abilities().kinds().contains(kind)) {
                assertUnsupported("instances of kind " + kind, config);
            } else if (kind != InstanceGroup.Kind.GPU || sample.isGpuPresent()) {
                sample.whileLoaded(config, model -> model.infer(sample.firstRequest()).response());
            }
        }
    }

    void answersAnyNumberOfTimes() {
        if (!sample.abilities().decoupled()) {
            answersOnceWhereAnyNumberIsAllowed();
            return;
        }
        sample.whileLoaded(model -> {
            assertTrue(model.config().isDecoupled(), "the model of config() must be decoupled once it is loaded");
            boolean streams = false;
            for (TestRequest request : sample.streamRequests()) {
                TestResult result = model.infer(request);
                assertTrue(result.error().isEmpty(), () -> "a request of streamRequests() failed: " + result.error());
                streams |= result.responses().size() != 1;
                sample.assertSameStream(result, model.infer(request));
            }
            assertTrue(streams, "streamRequests() must have a request with none or several answers");
            for (TestRequest request : sample.streamRequests()) {
                TestResult result = model.infer(request.cancelled());
                result.error().ifPresent(error -> assertEquals(StatusCode.CANCELLED, error.code(),
                        "a cancelled request may fail with CANCELLED only"));
            }
        });
    }

    /** A backend need not know of it: it answers once, or refuses the model. */
    private void answersOnceWhereAnyNumberIsAllowed() {
        ModelConfig config = sample.config().toBuilder().isDecoupled(true).build();
        try (TestModel model = sample.engine().load(sample.directory(), config)) {
            sample.requests().forEach(request -> assertEquals(1, model.infer(request).responses().size(),
                    "the number of answers of a backend that does not declare to stream"));
        } catch (InferenceException e) {
            assertEquals(StatusCode.UNSUPPORTED, e.code(), "a decoupled model that can't be loaded is UNSUPPORTED");
        }
        sample.engine().assertNoViolations();
    }

    /** Returns a change of a configuration for each ability that is not declared, which asks for it. */
    Map<String, UnaryOperator<ModelConfig>> undeclared() {
        Map<String, UnaryOperator<ModelConfig>> asking = new LinkedHashMap<>();
        if (!sample.abilities().batching()) {
            asking.put("batching", AbilityContract::batching);
        }
        if (!sample.abilities().dynamicShapes() && !sample.config().inputs().isEmpty()) {
            asking.put("dynamic shapes", AbilityContract::ofAnyShape);
        }
        if (!sample.abilities().optionalInputs() && !sample.config().inputs().isEmpty()) {
            asking.put("optional inputs", AbilityContract::withOptionalInput);
        }
        return asking;
    }

    private void assertUnsupported(String ability, ModelConfig config) {
        long before = sample.liveResources();
        String rule = "a model that asks for " + ability
                + ", which is not declared, must fail to load with UNSUPPORTED";
        try (TestModel model = sample.engine().load(sample.directory(), config)) {
            fail(rule + ", but model '" + model.config().name() + "' was loaded");
        } catch (InferenceException e) {
            assertEquals(StatusCode.UNSUPPORTED, e.code(), rule + ", but: " + e.reason());
            SampleModel.assertReadable(e);
        }
        sample.assertNoMoreResources(before, "live resources after a failed load");
        sample.engine().assertNoViolations();
    }

    private void assertSameAnswers(List<TestResult> expected, List<TestResult> actual) {
        for (int i = 0; i < expected.size(); i++) {
            sample.assertSameAnswer(expected.get(i), actual.get(i));
        }
    }

    /** Samples that go together: of the same shapes beyond the first dimension, within the largest batch. */
    private List<TestRequest> batch() {
        List<TestRequest> batch = new ArrayList<>();
        TestRequest first = sample.firstRequest();
        int limit = sample.config().maxBatchSize();
        long rows = 0;
        for (TestRequest request : Stream.concat(sample.requests().stream(), Stream.of(first)).toList()) {
            if (request.withRows(1).inputs().stream().map(TestTensor::shape).toList()
                    .equals(first.withRows(1).inputs().stream().map(TestTensor::shape).toList())
                    && rows + request.rows() <= limit) {
                batch.add(request);
                rows += request.rows();
            }
        }
        assertTrue(batch.size() >= 2, "two sample requests must fit into max_batch_size " + limit);
        return batch;
    }

    private static ModelConfig batching(ModelConfig config) {
        return config.toBuilder().maxBatchSize(8).build();
    }

    private static ModelConfig ofAnyShape(ModelConfig config) {
        return withFirstInput(config, input -> new ModelInput(input.name(), input.dataType(), input.format(),
                anyDims(input.dims()), Optional.empty(), false, false, input.isOptional(), false));
    }

    private static ModelConfig withOptionalInput(ModelConfig config) {
        return withFirstInput(config, input -> new ModelInput(input.name(), input.dataType(), input.format(),
                input.dims(), input.reshape(), input.isShapeTensor(), input.allowRaggedBatch(), true,
                input.isNonLinearFormat()));
    }

    private static ModelConfig withFirstInput(ModelConfig config, UnaryOperator<ModelInput> change) {
        List<ModelInput> inputs = new ArrayList<>(config.inputs());
        inputs.set(0, change.apply(inputs.getFirst()));
        return config.toBuilder().inputs(inputs).build();
    }

    private static Dims anyDims(Dims dims) {
        long[] values = dims.toArray();
        Arrays.fill(values, Dims.ANY);
        return Dims.of(values);
    }
}
