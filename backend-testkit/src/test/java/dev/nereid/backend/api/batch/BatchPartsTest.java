package dev.nereid.backend.api.batch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BatchPartsTest {
    private final List<String> executed = new ArrayList<>();

    private static TestRequest request(String id, long rows, long columns) {
        return TestRequest.of().withId(id).fp32("IN", Shape.of(rows, columns), new float[(int) (rows * columns)]);
    }

    private static long columns(InferenceRequest request) {
        return request.input("IN").orElseThrow().shape().dimension(1);
    }

    /** Answers with the number of rows of the part. */
    private void execute(Batch part) {
        executed.add(part.requests().stream().map(InferenceRequest::id).toList() + ", rows " + part.rows());
        part.markComputeStart();
        part.markComputeEnd();
        for (InferenceRequest request : part.requests()) {
            var response = request.newResponse();
            response.copyOutput("OUT", DataType.FP32, Shape.of(1, 1), MemorySegment.ofArray(new float[]{part.rows()}));
            response.send();
        }
    }

    @Test
    void executesTogetherWhatGoesTogether() {
        List<TestResult> results = Executions.batching(
                batch -> BatchParts.execute(batch, BatchPartsTest::columns, this::execute),
                request("a", 1, 2), request("b", 2, 3), request("c", 3, 2));

        assertEquals(List.of("[a, c], rows 4", "[b], rows 2"), executed);
        assertArrayEquals(new float[]{4}, results.get(2).output("OUT").floats());
    }

    @Test
    void aBatchOfOneKindStaysWhole() {
        List<Batch> parts = new ArrayList<>();
        List<Batch> whole = new ArrayList<>();
        Executions.batching(batch -> {
            whole.add(batch);
            BatchParts.execute(batch, BatchPartsTest::columns, part -> {
                parts.add(part);
                execute(part);
            });
        }, request("a", 1, 2), request("b", 2, 2));

        assertEquals(whole, parts);
    }

    @Test
    void aRequestThatFitsNowhereFailsAlone() {
        List<TestResult> results = Executions.batching(batch -> BatchParts.execute(batch, request -> {
            if (columns(request) > 2) {
                throw InferenceException.invalid("too wide");
            }
            return columns(request);
        }, this::execute), request("a", 1, 2), request("b", 1, 3), request("c", 1, 2));

        assertEquals("[request id: b] too wide", results.get(1).failure().getMessage());
        assertEquals(StatusCode.INVALID_ARG, results.get(1).failure().code());
        assertEquals(List.of("[a, c], rows 2"), executed);
        assertArrayEquals(new float[]{2}, results.get(0).output("OUT").floats());
    }

    @Test
    void aPartThatFailsLeavesTheOthersAlone() {
        List<TestResult> results = Executions.batching(
                batch -> BatchParts.execute(batch, BatchPartsTest::columns, part -> {
                    if (part.rows() == 1) {
                        throw InferenceException.internal("no memory");
                    }
                    execute(part);
                }), request("a", 1, 2), request("b", 2, 3));

        assertEquals("no memory", results.get(0).failure().getMessage());
        assertArrayEquals(new float[]{2}, results.get(1).output("OUT").floats());
    }
}
