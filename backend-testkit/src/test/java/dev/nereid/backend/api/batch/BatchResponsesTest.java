package dev.nereid.backend.api.batch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BatchResponsesTest {
    private final AtomicInteger releases = new AtomicInteger();

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void splitsAnOutputByTheRowsOfTheRequests(boolean adopt) {
        List<TestResult> results = Executions.batching(responding(responses -> add(responses, adopt,
                TestTensor.int32("Y", Shape.of(3, 2), 1, 2, 3, 4, 5, 6))), rows(1), rows(2));

        assertEquals(TestTensor.int32("Y", Shape.of(1, 2), 1, 2), results.get(0).output("Y"));
        assertEquals(TestTensor.int32("Y", Shape.of(2, 2), 3, 4, 5, 6), results.get(1).output("Y"));
        assertEquals(adopt ? 1 : 0, releases.get());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void splitsByteStrings(boolean adopt) {
        List<TestResult> results = Executions.batching(responding(responses -> add(responses, adopt,
                TestTensor.strings("Y", Shape.of(3, 2), "a", "", "ccc", "d", "ee", "f"))), rows(2), rows(1));

        assertEquals(List.of("a", "", "ccc", "d"), results.get(0).output("Y").strings());
        assertEquals(Shape.of(2, 2), results.get(0).output("Y").shape());
        assertEquals(List.of("ee", "f"), results.get(1).output("Y").strings());
        assertEquals(adopt ? 1 : 0, releases.get());
    }

    @Test
    void givesARequestOfZeroRowsNoRows() {
        List<TestResult> results = Executions.batching(responding(responses -> add(responses, true,
                TestTensor.int32("Y", Shape.of(1, 2), 1, 2))), rows(0), rows(1));

        assertEquals(Shape.of(0, 2), results.get(0).output("Y").shape());
        assertEquals(Shape.of(1, 2), results.get(1).output("Y").shape());
        assertEquals(1, releases.get());
    }

    @Test
    void splitsAnOutputByTheShapesOfAnInput() {
        TestTensor joined = TestTensor.fp32("Y", Shape.of(4), 1, 2, 3, 4);

        List<TestResult> results = Executions.batching(
                responding(responses -> responses.addOutputLike("X", "Y", DataType.FP32,
                        MemorySegment.ofArray(joined.bytes()))),
                TestRequest.of().fp32("X", Shape.of(1, 1), 0), TestRequest.of().fp32("X", Shape.of(1, 3), 0, 0, 0),
                TestRequest.of().fp32("X", Shape.of(1, 1), 0).withId("c"));

        assertEquals(TestTensor.fp32("Y", Shape.of(1, 1), 1), results.get(0).output("Y"));
        assertEquals(TestTensor.fp32("Y", Shape.of(1, 3), 2, 3, 4), results.get(1).output("Y"));
        assertEquals("[request id: c] failed to split the output tensor 'Y' in responses: expected at least 20 bytes in"
                + " model output, got 16", results.get(2).failure().getMessage());
    }

    /** Nobody can tell whose the other rows are: a model that answers what it finds has no batch dimension. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void failsAllRequestsWhereThereAreMoreRowsThanTheirs(boolean adopt) {
        List<TestResult> results = Executions.batching(responding(responses -> add(responses, adopt,
                TestTensor.int32("Y", Shape.of(4, 1), 1, 2, 3, 4))), rows(2).withId("a"), rows(1));

        assertEquals(StatusCode.UNSUPPORTED, results.get(0).failure().code());
        assertEquals("[request id: a] failed to split the output tensor 'Y' in responses: expected batch size of 3 in"
                + " model output, got 4", results.get(0).failure().getMessage());
        assertEquals("[request id: <id_unknown>] failed to split the output tensor 'Y' in responses: expected batch"
                + " size of 3 in model output, got 4", results.get(1).failure().getMessage());
        assertEquals(adopt ? 1 : 0, releases.get());
    }

    @Test
    void failsAllRequestsWhereThereIsMoreThanTheirInputsHave() {
        TestTensor joined = TestTensor.fp32("Y", Shape.of(5), 1, 2, 3, 4, 5);

        List<TestResult> results = Executions.batching(
                responding(responses -> responses.addOutputLike("X", "Y", DataType.FP32,
                        MemorySegment.ofArray(joined.bytes()))),
                TestRequest.of().fp32("X", Shape.of(1, 1), 0), TestRequest.of().fp32("X", Shape.of(1, 3), 0, 0, 0));

        for (TestResult result : results) {
            assertEquals(StatusCode.UNSUPPORTED, result.failure().code());
            assertEquals("[request id: <id_unknown>] failed to split the output tensor 'Y' in responses: expected 16"
                    + " bytes in model output, got 20", result.failure().getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void failsRequestsThatGetTooFewRows(boolean adopt) {
        List<TestResult> results = Executions.batching(responding(responses -> add(responses, adopt,
                TestTensor.int32("Y", Shape.of(2, 1), 1, 2))), rows(1), rows(2).withId("b"), rows(1));

        assertArrayEquals(new int[]{1}, results.get(0).output("Y").ints());
        assertEquals(StatusCode.UNSUPPORTED, results.get(1).failure().code());
        assertEquals("[request id: b] failed to split the output tensor 'Y' in responses: expected batch size of at "
                + "least 3 in model output, got 2", results.get(1).failure().getMessage());
        assertEquals("[request id: <id_unknown>] failed to split the output tensor 'Y' in responses: expected batch "
                + "size of at least 4 in model output, got 2", results.get(2).failure().getMessage());
        assertEquals(adopt ? 1 : 0, releases.get());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void givesEveryRequestTheWholeOutputWithoutABatchDimension(boolean adopt) {
        List<TestResult> results = Executions.notBatching(batch -> {
            BatchResponses responses = new BatchResponses(batch, false);
            add(responses, adopt, TestTensor.int32("Y", Shape.of(2), 1, 2));
            responses.send();
        }, rows(2), rows(2));

        for (TestResult result : results) {
            assertEquals(TestTensor.int32("Y", Shape.of(2), 1, 2), result.output("Y"));
        }
        assertEquals(adopt ? 1 : 0, releases.get());
    }

    @Test
    void givesEveryRequestAScalar() {
        List<TestResult> results = Executions.batching(responding(responses -> add(responses, true,
                TestTensor.int32("Y", Shape.of(), 7))), rows(1), rows(2));

        assertArrayEquals(new int[]{7}, results.get(0).output("Y").ints());
        assertArrayEquals(new int[]{7}, results.get(1).output("Y").ints());
        assertEquals(1, releases.get());
    }

    @Test
    void leavesOutWhatIsNotRequested() {
        List<TestResult> results = Executions.batching(responding(responses -> {
            assertTrue(responses.isRequested("Y"));
            assertFalse(responses.isRequested("Z"));
            add(responses, true, TestTensor.int32("Y", Shape.of(2, 1), 1, 2));
            add(responses, true, TestTensor.int32("Z", Shape.of(2, 1), 3, 4));
        }), rows(1).requesting("Y"), rows(1).requesting("W"));

        assertArrayEquals(new int[]{1}, results.get(0).output("Y").ints());
        assertEquals(List.of(), results.get(1).outputs());
        assertEquals(2, releases.get());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void keepsAnErrorToItsRequest(boolean adopt) {
        List<TestResult> results = Executions.batching(responding(responses -> {
            responses.fail(0, InferenceException.invalid("no"));
            responses.fail(0, InferenceException.invalid("again: ignored"));
            add(responses, adopt, TestTensor.int32("Y", Shape.of(2, 1), 1, 2));
        }), rows(1), rows(1));

        assertEquals("no", results.get(0).failure().getMessage());
        assertArrayEquals(new int[]{2}, results.get(1).output("Y").ints());
        assertEquals(adopt ? 1 : 0, releases.get());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void failsOnlyTheRequestThatRefusesAnOutput(boolean adopt) {
        List<TestResult> results = Executions.batching(responding(responses -> {
            responses.response(0).addOutput("Y", DataType.INT32, Shape.of(1, 1), 4).fill((byte) 0);
            add(responses, adopt, TestTensor.int32("Y", Shape.of(2, 1), 1, 2));
        }), rows(1), rows(1));

        assertEquals("output 'Y' already exists in response", results.get(0).failure().getMessage());
        assertArrayEquals(new int[]{2}, results.get(1).output("Y").ints());
        assertEquals(adopt ? 1 : 0, releases.get());
    }

    @Test
    void passesOverRequestsThatAreAnsweredAlready() {
        List<TestResult> results = Executions.batching(batch -> {
            batch.requests().getFirst().fail(InferenceException.invalid("gone"));
            BatchResponses responses = new BatchResponses(batch, true);
            add(responses, true, TestTensor.int32("Y", Shape.of(2, 1), 1, 2));
            responses.send();
        }, rows(1), rows(1));

        assertEquals("gone", results.get(0).failure().getMessage());
        assertArrayEquals(new int[]{2}, results.get(1).output("Y").ints());
        assertEquals(1, releases.get());
    }

    @Test
    void releasesWhatIsNeverSent() {
        List<TestResult> results = Executions.batching(batch -> {
            add(new BatchResponses(batch, true), true, TestTensor.int32("Y", Shape.of(2, 1), 1, 2));
            throw InferenceException.unavailable("broken");
        }, rows(1), rows(1));

        assertEquals("broken", results.get(1).failure().getMessage());
        assertEquals(1, releases.get());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void refusesDataThatDoesNotFillItsShape(boolean adopt) {
        TestTensor tooShort = TestTensor.of("Y", DataType.INT32, Shape.of(2, 1), new byte[7]);
        List<TestResult> results = Executions.batching(
                responding(responses -> add(responses, adopt, tooShort)), rows(1), rows(1));

        for (TestResult result : results) {
            assertEquals(StatusCode.INTERNAL, result.failure().code());
            assertEquals("output 'Y' has 7 bytes, expected 8 for shape [2,1]", result.failure().getMessage());
        }
        assertEquals(adopt ? 1 : 0, releases.get());
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 5, 6, 8})
    void refusesByteStringsThatEndEarly(int size) {
        byte[] data = new byte[size];
        data[0] = 1;
        TestTensor tooShort = TestTensor.of("Y", DataType.BYTES, Shape.of(2, 1), data);
        List<TestResult> results = Executions.batching(
                responding(responses -> add(responses, true, tooShort)), rows(1), rows(1));

        for (TestResult result : results) {
            assertEquals(StatusCode.INTERNAL, result.failure().code());
            assertEquals("output 'Y' of " + size + " bytes holds fewer elements than its shape [2,1] says",
                    result.failure().getMessage());
        }
        assertEquals(1, releases.get());
    }

    @Test
    void passesParametersOn() {
        List<TestResult> results = Executions.batching(responding(
                responses -> responses.response(1).setParameter("p", Parameter.of(3))), rows(1), rows(1));

        assertEquals(Map.of(), results.get(0).parameters());
        assertEquals(Map.of("p", Parameter.of(3)), results.get(1).parameters());
    }

    private static Consumer<Batch> responding(Consumer<BatchResponses> action) {
        return batch -> {
            BatchResponses responses = new BatchResponses(batch, true);
            action.accept(responses);
            responses.send();
        };
    }

    private void add(BatchResponses responses, boolean adopt, TestTensor output) {
        byte[] bytes = output.bytes();
        if (adopt) {
            MemorySegment memory = Arena.ofAuto().allocate(Math.max(1, bytes.length)).asSlice(0, bytes.length)
                    .copyFrom(MemorySegment.ofArray(bytes));
            responses.addOutput(output.name(), output.dataType(), output.shape(), memory, releases::incrementAndGet);
        } else {
            responses.addOutput(output.name(), output.dataType(), output.shape(), MemorySegment.ofArray(bytes));
        }
    }

    private static TestRequest rows(int count) {
        return TestRequest.of().fp32("X", Shape.of(count, 1), new float[count]);
    }
}
