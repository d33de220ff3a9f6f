package dev.nereid.backend.api.batch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class InputGathererTest {
    @AutoClose
    private final InputGatherer gatherer = new InputGatherer("X");

    @Test
    void givesTheInputOfOneRequestAsItIs() {
        inBatch(batch -> {
            Tensor gathered = gatherer.gather(batch);

            assertEquals(batch.requests().getFirst().input("X").orElseThrow(), gathered);
            assertEquals(batch.requests().getFirst().input("X").orElseThrow().data().address(),
                    gathered.data().address());
        }, fp32(Shape.of(1, 2), 1, 2));
    }

    @Test
    void joinsRequestsAlongTheFirstDimension() {
        inBatch(batch -> {
            Tensor gathered = gatherer.gather(batch);

            assertEquals("X", gathered.name());
            assertEquals(DataType.FP32, gathered.dataType());
            assertEquals(Shape.of(3, 2), gathered.shape());
            assertArrayEquals(new float[]{1, 2, 3, 4, 5, 6}, floats(gathered));
            assertTrue(gathered.data().isReadOnly());
        }, fp32(Shape.of(1, 2), 1, 2), fp32(Shape.of(2, 2), 3, 4, 5, 6));
    }

    @Test
    void joinsInMemoryOfTheBackend() {
        try (Arena arena = Arena.ofShared(); InputGatherer own = new InputGatherer("X", arena::allocate)) {
            inBatch(batch -> assertArrayEquals(new float[]{1, 2}, floats(own.gather(batch))),
                    fp32(Shape.of(1, 1), 1), fp32(Shape.of(1, 1), 2));
        }
    }

    @Test
    void givesMemoryOfTheBackendAsItWasGiven() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(8);
            try (InputGatherer own = new InputGatherer("X", bytes -> memory.asSlice(0, bytes))) {
                inBatch(batch -> assertEquals(memory.address(), own.gather(batch).data().address()),
                        fp32(Shape.of(1, 1), 1), fp32(Shape.of(1, 1), 2));
            }
            // Closing the gatherer leaves it alone.
            assertEquals(1f, memory.get(ValueLayout.JAVA_FLOAT, 0));
        }
    }

    @Test
    void joinsARequestOfZeroRows() {
        inBatch(batch -> assertEquals(Shape.of(1, 2), gatherer.gather(batch).shape()),
                fp32(Shape.of(0, 2)), fp32(Shape.of(1, 2), 1, 2));
    }

    @Test
    void joinsByteStrings() {
        inBatch(batch -> {
            Tensor gathered = gatherer.gather(batch);

            assertEquals(Shape.of(3, 1), gathered.shape());
            assertEquals(List.of("a", "", "long"),
                    TestTensor.of("X", DataType.BYTES, gathered.shape(), gathered.data().toArray(ValueLayout.JAVA_BYTE))
                            .strings());
        }, TestRequest.of().strings("X", Shape.of(2, 1), "a", ""),
                TestRequest.of().strings("X", Shape.of(1, 1), "long"));
    }

    @Test
    void joinsRaggedInputsFlat() {
        inBatch(batch -> {
            Tensor gathered = gatherer.gatherFlat(batch);

            assertEquals(Shape.of(5), gathered.shape());
            assertArrayEquals(new float[]{1, 2, 3, 4, 5}, floats(gathered));
        }, fp32(Shape.of(1, 2), 1, 2), fp32(Shape.of(1, 3), 3, 4, 5));
    }

    @Test
    void givesOneRequestFlatWithoutACopy() {
        inBatch(batch -> {
            Tensor gathered = gatherer.gatherFlat(batch);

            assertEquals(Shape.of(2), gathered.shape());
            assertEquals(batch.requests().getFirst().inputs().getFirst().data().address(), gathered.data().address());
        }, fp32(Shape.of(1, 2), 1, 2));
    }

    @Test
    void leavesAlignedNativeMemoryWhereItIs() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(16, 8).asSlice(8);
            Tensor tensor = new Tensor("X", DataType.FP64, Shape.of(1), data);

            assertSame(tensor, gatherer.aligned(tensor));
        }
    }

    @Test
    void copiesWhatNativeCodeCanNotReadInPlace() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment odd = arena.allocate(16, 8).asSlice(3, 8);
            odd.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, 42);
            MemorySegment heap = MemorySegment.ofArray(new long[]{42});

            for (MemorySegment data : List.of(odd, heap)) {
                Tensor aligned = gatherer.aligned(new Tensor("X", DataType.INT64, Shape.of(1, 1), data));

                assertEquals(42, aligned.data().get(ValueLayout.JAVA_LONG, 0));
                assertEquals(Shape.of(1, 1), aligned.shape());
                assertTrue(aligned.data().isNative() && aligned.data().isReadOnly());
            }
        }
    }

    @Test
    void givesATensorWithoutElementsAnAddress() {
        Tensor empty = new Tensor("X", DataType.FP32, Shape.of(0), MemorySegment.NULL);

        Tensor aligned = gatherer.aligned(empty);

        assertEquals(0, aligned.byteSize());
        assertNotEquals(0, aligned.data().address());
    }

    @Test
    void refusesShapesThatDiffer() {
        assertRefused("input 'X' can't be batched: one request has FP32[1,2], another FP32[1,3]", gatherer::gather,
                fp32(Shape.of(1, 2), 1, 2), fp32(Shape.of(1, 3), 1, 2, 3));
        assertRefused("input 'X' can't be batched: one request has FP32[1,2], another FP32[2]", gatherer::gather,
                fp32(Shape.of(1, 2), 1, 2), fp32(Shape.of(2), 1, 2));
        assertRefused("input 'X' can't be batched: one request has FP32[], another FP32[]", gatherer::gather,
                fp32(Shape.of(), 1), fp32(Shape.of(), 1));
    }

    @Test
    void refusesDatatypesThatDiffer() {
        String message = "input 'X' can't be batched: one request has FP32[1,1], another INT32[1,1]";
        TestRequest integer = TestRequest.of().int32("X", Shape.of(1, 1), 1);

        assertRefused(message, gatherer::gather, fp32(Shape.of(1, 1), 1), integer);
        assertRefused(message, gatherer::gatherFlat, fp32(Shape.of(1, 1), 1), integer);
    }

    @Test
    void refusesARequestWithoutTheInput() {
        assertRefused("[request id: <id_unknown>] request has no input 'X'", gatherer::gather, TestRequest.of());
        assertRefused("[request id: b] request has no input 'X'", gatherer::gather, fp32(Shape.of(1, 1), 1),
                TestRequest.of().withId("b"));
    }

    @Test
    void reusesItsMemory() {
        List<MemorySegment> first = new ArrayList<>();
        TestRequest row = fp32(Shape.of(1, 2), 1, 2);

        inBatch(batch -> first.add(gatherer.gather(batch).data()), row, row);
        inBatch(batch -> assertEquals(first.getFirst().address(), gatherer.gather(batch).data().address()), row, row,
                row);
    }

    @Test
    void growsToTheLargestBatch() {
        float[] many = new float[4096];
        many[4095] = 7;
        TestRequest row = fp32(Shape.of(1, 4096), many);
        inBatch(batch -> gatherer.gather(batch), fp32(Shape.of(1, 1), 1), fp32(Shape.of(1, 1), 2));

        inBatch(batch -> {
            float[] gathered = floats(gatherer.gather(batch));
            assertEquals(3 * 4096, gathered.length);
            assertEquals(7, gathered[3 * 4096 - 1]);
        }, row, row, row);
    }

    @Test
    void freesItsMemoryAndCanBeClosedTwice() {
        List<MemorySegment> gathered = new ArrayList<>();
        TestRequest row = fp32(Shape.of(1, 2), 1, 2);
        inBatch(batch -> gathered.add(gatherer.gather(batch).data()), row, row);

        gatherer.close();
        gatherer.close();

        assertThrows(IllegalStateException.class, () -> gathered.getFirst().get(ValueLayout.JAVA_BYTE, 0));
    }

    private static void assertRefused(String message, Consumer<Batch> gathering, TestRequest... requests) {
        inBatch(batch -> {
            var failure = assertThrows(InferenceException.class, () -> gathering.accept(batch));
            assertEquals(StatusCode.INVALID_ARG, failure.code());
            assertEquals(message, failure.getMessage());
        }, requests);
    }

    /** Runs the assertions inside an execution; then every request gets an empty response. */
    private static void inBatch(Consumer<Batch> assertions, TestRequest... requests) {
        Executions.batching(batch -> {
            assertions.accept(batch);
            batch.requests().forEach(request -> request.newResponse().send());
        }, requests).forEach(result -> result.response());
    }

    private static TestRequest fp32(Shape shape, float... values) {
        return TestRequest.of().fp32("X", shape, values);
    }

    private static float[] floats(Tensor tensor) {
        return tensor.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
    }
}
