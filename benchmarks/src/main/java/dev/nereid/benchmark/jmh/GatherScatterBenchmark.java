package dev.nereid.benchmark.jmh;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.batch.BatchResponses;
import dev.nereid.backend.api.batch.InputGatherer;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.benchmark.LoopRequest;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Joining the inputs of a batch, and dividing its outputs among the requests. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class GatherScatterBenchmark {
    private static final int ELEMENTS = 128;

    private final Arena arena = Arena.ofShared();
    private final InputGatherer gatherer = new InputGatherer("INPUT__0");
    private final List<LoopRequest> requests = new ArrayList<>();
    private Batch batch = new Together(List.of());
    private MemorySegment output = MemorySegment.NULL;

    /** The requests of the batch, each with one row. */
    @Param({"1", "4", "16"})
    public int rows;

    /** Requests that are executed together. */
    private record Together(List<InferenceRequest> requests) implements Batch {
        @Override
        public int rows() {
            return requests.size();
        }

        @Override
        public void markComputeStart() {
        }

        @Override
        public void markComputeEnd() {
        }
    }

    /** Makes the batch. */
    @Setup
    public void prepare() {
        for (int i = 0; i < rows; i++) {
            requests.add(new LoopRequest(new Tensor("INPUT__0", DataType.FP32, Shape.of(1, ELEMENTS),
                    arena.allocate(4L * ELEMENTS, 64)), 1, arena));
        }
        batch = new Together(List.copyOf(requests));
        output = arena.allocate(4L * ELEMENTS * rows, 64);
    }

    /** Frees the memory. */
    @TearDown
    public void close() {
        gatherer.close();
        arena.close();
    }

    /** Joins the inputs. */
    @Benchmark
    public Tensor gather() {
        return gatherer.gather(batch);
    }

    /** Copies to each request its rows, and answers. */
    @Benchmark
    public void scatter() {
        BatchResponses responses = new BatchResponses(batch, true);
        responses.addOutput("OUTPUT__0", DataType.FP32, Shape.of(rows, ELEMENTS), output);
        responses.send();
        requests.forEach(LoopRequest::reset);
    }
}
