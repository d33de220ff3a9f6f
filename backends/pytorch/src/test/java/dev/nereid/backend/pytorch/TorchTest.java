package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/** What tests of models share: an engine, a directory, and a way to load a model from its source. */
abstract class TorchTest {
    static final Dims ANY = Dims.of(-1);

    /** One for the process: libtorch is loaded once and stays. */
    private static final TestEngine ENGINE = TestEngine.start(new PyTorchBackendFactory());

    @TempDir
    Path directory;

    @AfterEach
    void checkRules() {
        ENGINE.assertNoViolations();
    }

    TestModel load(String source, ModelConfig config) {
        return ENGINE.load(TestScripts.write(directory.resolve(config.name()), source), config);
    }

    TestModel loadFile(ModelConfig config) {
        return ENGINE.load(directory.resolve(config.name()), config);
    }

    /** Loads a model with one FP32 input and one FP32 output, both with one dimension of any size. */
    TestModel load(String source) {
        return load(source, simple("model").build());
    }

    static ModelConfig.Builder simple(String name) {
        return TestScripts.config(name).inputs(TestScripts.inputs(DataType.FP32, ANY, "INPUT__0"))
                .outputs(TestScripts.outputs(DataType.FP32, ANY, "OUTPUT__0"));
    }

    static TestRequest fp32(float... values) {
        return TestRequest.of().fp32("INPUT__0", Shape.of(values.length), values);
    }

    static TestRequest rows(int rows, float... values) {
        return TestRequest.of().fp32("INPUT__0", Shape.of(rows, values.length / rows), values);
    }

    static InferenceException failure(TestModel model) {
        return model.infer(fp32(1f, 2f)).failure();
    }

    static List<Float> floats(float[] values) {
        List<Float> list = new ArrayList<>();
        for (float value : values) {
            list.add(value);
        }
        return list;
    }

    InferenceException loadFailure(String source, ModelConfig config) {
        return assertThrows(InferenceException.class, () -> load(source, config).close());
    }

    static void assertFailure(StatusCode code, String message, InferenceException failure) {
        assertEquals(message, failure.getMessage());
        assertEquals(code, failure.code());
    }

    /**
     * Fails where native objects were left alive. The count may fall: a pointer of an earlier test can be collected in
     * the meantime.
     */
    static void assertNoMorePointers(long before) {
        long after = Pointer.totalCount();
        assertTrue(after <= before, () -> before + " pointers before, " + after + " after");
    }
}
