package dev.nereid.benchmark.jmh;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.protocol.EncodedResponse;
import dev.nereid.server.protocol.InferResponseEncoder;
import dev.nereid.server.protocol.OutputFormats;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
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

/** Encoding a response: FP32 elements as text, the hot loop of every client that speaks JSON, and as bytes. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class ResponseEncodingBenchmark {
    private final JsonWriter writer = new JsonWriter();
    private final InferResponseEncoder encoder = new InferResponseEncoder("m", "1", true, _ -> List.of(),
            _ -> {
            });
    private final Arena arena = Arena.ofShared();
    private List<Tensor> outputs = List.of();

    /** The elements of the tensor: 16, and an image of 224 by 224. */
    @Param({"16", "150528"})
    public int elements;

    /** Fills the output with numbers of as many digits as FP32 has. */
    @Setup
    public void prepare() {
        Tensor output = new Tensor("OUTPUT0", DataType.FP32, Shape.of(1, elements), arena.allocate(4L * elements, 64));
        SplittableRandom random = new SplittableRandom(8);
        for (int i = 0; i < elements; i++) {
            output.data().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextDouble() * 20 - 10));
        }
        outputs = List.of(output);
    }

    /** Frees the memory. */
    @TearDown
    public void close() {
        arena.close();
    }

    /** Writes the elements as text. */
    @Benchmark
    public EncodedResponse json() {
        return encoder.encode(writer.reset(), "", Map.of(), outputs, OutputFormats.ALL_JSON);
    }

    /** Writes the short JSON that tells of the bytes. */
    @Benchmark
    public EncodedResponse binary() {
        return encoder.encode(writer.reset(), "", Map.of(), outputs, OutputFormats.ALL_BINARY);
    }
}
