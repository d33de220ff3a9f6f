package dev.nereid.backend.api.batch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.BatchInput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.TestRequest;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BatchInputMakerTest {
    private static final TestRequest TWO = TestRequest.of().fp32("X", Shape.of(1, 2), 1, 2);
    private static final TestRequest THREE = TestRequest.of().fp32("X", Shape.of(1, 3), 1, 2, 3);

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"ELEMENT_COUNT | 2 | 2,3", "ACCUMULATED_ELEMENT_COUNT | 2 | 2,5",
        "ACCUMULATED_ELEMENT_COUNT_WITH_ZERO | 3 | 0,2,5", "MAX_ELEMENT_COUNT_AS_SHAPE | 3 | 0,0,0",
        "ITEM_SHAPE | 2,1 | 2,3", "ITEM_SHAPE_FLATTEN | 2 | 2,3"})
    void describesTheBatch(BatchInput.Kind kind, String shape, String values) {
        String[] numbers = values.split(",", -1);
        float[] expected = new float[numbers.length];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = Float.parseFloat(numbers[i]);
        }
        long[] dimensions = Arrays.stream(shape.split(",", -1)).mapToLong(Long::parseLong).toArray();
        BatchInput batchInput = new BatchInput(kind, List.of("T"), Optional.of(DataType.FP32), List.of("X"));

        try (BatchInputMaker maker = new BatchInputMaker("T", batchInput)) {
            Executions.batching(batch -> {
                Tensor made = maker.make(batch);
                assertEquals("T", made.name());
                assertEquals(Shape.of(dimensions), made.shape());
                assertArrayEquals(expected, made.data().toArray(ValueLayout.JAVA_FLOAT));
                batch.requests().forEach(request -> request.newResponse().send());
            }, TWO, THREE).forEach(result -> result.response());
        }
    }

    @Test
    void missesTheInputThatIsDescribed() {
        BatchInput batchInput = new BatchInput(BatchInput.Kind.ELEMENT_COUNT, List.of("T"), Optional.of(DataType.INT32),
                List.of("OTHER"));

        try (BatchInputMaker maker = new BatchInputMaker("T", batchInput)) {
            Executions.batching(batch -> {
                InferenceException failure = assertThrows(InferenceException.class, () -> maker.make(batch));
                assertEquals(StatusCode.INVALID_ARG, failure.code());
                batch.requests().forEach(request -> request.newResponse().send());
            }, TWO);
        }
    }
}
