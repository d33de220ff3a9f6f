package dev.nereid.engine.request;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class RequestValidatorTest {
    @AutoClose
    private final Arena arena = Arena.ofConfined();

    private final ModelConfig config = ModelConfig.builder("m").maxBatchSize(4)
            .inputs(List.of(new ModelInput("A", DataType.FP32, Dims.of(2)),
                    new ModelInput("B", Optional.of(DataType.INT8), ModelInput.Format.NONE, Dims.of(-1, 3),
                            Optional.of(Dims.of(3, 1, -1)), false, false, true, false)))
            .outputs(List.of(new ModelOutput("X", DataType.FP32, Dims.of(2)),
                    new ModelOutput("Y", Optional.of(DataType.INT8), Dims.of(-1, 3), Optional.of(Dims.of(3, 1, -1)),
                            "", false, false)))
            .build();
    private final RequestValidator validator = new RequestValidator(config);

    private InputData input(String name, DataType type, long bytes, long... shape) {
        return new InputData(name, Optional.of(type), shape, arena.allocate(Math.max(1, bytes)).asSlice(0, bytes));
    }

    private static RequestData request(List<String> outputs, InputData... inputs) {
        return new RequestData("r", Map.of(), CorrelationId.NONE, false, false, 0, 0, List.of(inputs), outputs, false);
    }

    private void assertRefused(String message, RequestData request) {
        var failure = assertThrows(InferenceException.class, () -> validator.validate(request, arena));
        assertEquals(message, failure.getMessage());
    }

    @Test
    void ordersAndReshapesInputs() {
        CheckedRequest checked = validator.validate(
                request(List.of(), input("B", DataType.INT8, 30, 2, 5, 3), input("A", DataType.FP32, 16, 2, 2)),
                arena);

        assertEquals(2, checked.batchSize());
        assertEquals(List.of("A", "B"), checked.inputs().stream().map(input -> input.name()).toList());
        assertEquals(Shape.of(2, 3, 1, 5), checked.inputs().get(1).shape());
        assertEquals(List.of("X", "Y"), checked.requestedOutputs());
        assertEquals(Shape.of(2, 5, 3), validator.clientShape("Y", Shape.of(2, 3, 1, 5)));
        assertEquals(Shape.of(2, 2), validator.clientShape("X", Shape.of(2, 2)));
    }

    @Test
    void givesEachRequestItsOwnShape() {
        for (long rows : new long[]{1, 2, 2, 1, 4, 1}) {
            CheckedRequest checked = validator.validate(request(List.of(), input("A", DataType.FP32, 8 * rows, rows, 2),
                    input("B", DataType.INT8, 9 * rows * rows, rows, 3 * rows, 3)), arena);

            assertEquals(Shape.of(rows, 2), checked.inputs().get(0).shape());
            assertEquals(Shape.of(rows, 3, 1, 3 * rows), checked.inputs().get(1).shape());
        }
    }

    @Test
    void acceptsAMissingOptionalInputAndAnEmptyBatch() {
        CheckedRequest checked = validator.validate(request(List.of("Y"), input("A", DataType.FP32, 0, 0, 2)), arena);

        assertEquals(0, checked.batchSize());
        assertEquals(1, checked.inputs().size());
        assertEquals(List.of("Y"), checked.requestedOutputs());
    }

    @Test
    void refusesUnknownNames() {
        InputData good = input("A", DataType.FP32, 8, 1, 2);
        assertRefused("unexpected inference output 'Z' for model 'm'", request(List.of("Z"), good));
        assertRefused("unexpected inference input 'C' for model 'm'",
                request(List.of(), input("C", DataType.FP32, 8, 1, 2)));
    }

    @Test
    void refusesTheWrongNumberOfInputs() {
        InputData good = input("A", DataType.FP32, 8, 1, 2);
        assertRefused("[request id: r] expected number of inputs between 1 and 2 but got 0 inputs for model 'm'. "
                + "Got input(s) [], but missing required input(s) ['A']. Please provide all required input(s).",
                request(List.of()));
        assertRefused("[request id: r] expected number of inputs between 1 and 2 but got 3 inputs for model 'm'. "
                + "Got input(s) ['D','C','A'], but missing required input(s) ]. Please provide all required input(s).",
                request(List.of(), good, input("C", DataType.FP32, 8, 1, 2), input("D", DataType.FP32, 8, 1, 2)));
    }

    @Test
    void checksTheBatchDimension() {
        assertRefused("[request id: r] input 'A' has no shape but model requires batch dimension for 'm'",
                request(List.of(), input("A", DataType.FP32, 4)));
        assertRefused("[request id: r] input 'A' batch size does not match other inputs for 'm'",
                request(List.of(), input("A", DataType.FP32, 8, 1, 2), input("B", DataType.INT8, 6, 2, 1, 3)));
        assertRefused("[request id: r] inference request batch-size must be <= 4 for 'm'",
                request(List.of(), input("A", DataType.FP32, 40, 5, 2)));
    }

    @Test
    void letsLayoutsOfTheirOwnPadTheFirstDimensionBehindTheBatch() {
        RequestValidator vectors = new RequestValidator(ModelConfig.builder("m").maxBatchSize(4)
                .inputs(List.of(new ModelInput("IN", Optional.of(DataType.INT8), ModelInput.Format.NONE,
                        Dims.of(3, 1, 2), Optional.empty(), false, false, false, true)))
                .build());

        assertEquals(Shape.of(2, 4, 1, 2), vectors.validate(
                request(List.of(), input("IN", DataType.INT8, 16, 2, 3, 1, 2)), arena).inputs().getFirst().shape());
        assertEquals(Shape.of(2, 3, 1, 2), vectors.validate(
                request(List.of(), input("IN", DataType.INT8, 12, 2, 3, 1, 2)), arena).inputs().getFirst().shape());
        for (long bytes : new long[]{11, 15}) {
            var failure = assertThrows(InferenceException.class, () -> vectors.validate(
                    request(List.of(), input("IN", DataType.INT8, bytes, 2, 3, 1, 2)), arena));
            assertEquals("[request id: r] input byte size mismatch for input 'IN' for model 'm'. Expected 12, got "
                    + bytes, failure.getMessage());
        }
    }

    @Test
    void checksTypeShapeAndSize() {
        assertRefused("[request id: r] inference input 'A' data-type is 'INT32', but model 'm' expects 'FP32'",
                request(List.of(), input("A", DataType.INT32, 8, 1, 2)));
        assertRefused(
                "[request id: r] inference input 'A' data-type is '<invalid>', but model 'm' expects 'FP32'",
                request(List.of(), new InputData("A", Optional.empty(), new long[]{1, 2}, MemorySegment.NULL)));
        assertRefused(
                "[request id: r] All input dimensions should be specified for input 'A' for model 'm', got [1,-2]",
                request(List.of(), input("A", DataType.FP32, 8, 1, -2)));
        assertRefused("[request id: r] input byte size mismatch for input 'A' for model 'm'. Expected 8, got 7",
                request(List.of(), input("A", DataType.FP32, 7, 1, 2)));
        assertRefused("byte size for tensor 'B' exceeds maximum size of 9223372036854775807", request(List.of(),
                input("A", DataType.FP32, 16, 2, 2), input("B", DataType.INT8, 8, 2, Long.MAX_VALUE, 3)));
    }

    @Test
    void namesTheExpectedShape() {
        var failure = assertThrows(InferenceException.class,
                () -> validator.validate(request(List.of(), input("A", DataType.FP32, 12, 1, 3)), arena));

        assertEquals("[request id: r] unexpected shape for input 'A' for model 'm'. Expected [-1,2], got [1,3]. ",
                failure.getMessage().substring(0, failure.getMessage().indexOf("NOTE")));
    }
}
