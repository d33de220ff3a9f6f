package dev.nereid.benchmark.jmh;

import dev.nereid.benchmark.RequestBody;
import dev.nereid.server.protocol.DecodeContext;
import dev.nereid.server.protocol.DecodedRequest;
import dev.nereid.server.protocol.InferRequestDecoder;
import dev.nereid.server.v2.SharedMemoryRegions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Arrays;
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

/** Decoding a request: FP32 elements as JSON, and binary tensors that become slices of the body. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class RequestDecodingBenchmark {
    private final InferRequestDecoder decoder = new InferRequestDecoder();
    private final Arena arena = Arena.ofShared();
    private byte[] json = {};
    private MemorySegment jsonOffHeap = MemorySegment.NULL;
    private final byte[] window = new byte[64 * 1024];
    private byte[] binaryHead = {};
    private MemorySegment tensors = MemorySegment.NULL;
    private DecodeContext context = new DecodeContext("m", Integer.MAX_VALUE, arena, SharedMemoryRegions.NONE);

    /** The elements of the tensor: 16, and an image of 224 by 224. */
    @Param({"16", "150528"})
    public int elements;

    /** Makes the requests. */
    @Setup
    public void prepare() {
        long[] shape = {1, elements};
        json = RequestBody.of("INPUT0", shape, true).bytes();
        jsonOffHeap = arena.allocate(json.length).copyFrom(MemorySegment.ofArray(json));
        RequestBody binary = RequestBody.of("INPUT0", shape, false);
        binaryHead = Arrays.copyOf(binary.bytes(), binary.jsonLength());
        tensors = arena.allocate(4L * elements, 64);
        MemorySegment.copy(MemorySegment.ofArray(binary.bytes()), binary.jsonLength(), tensors, 0, 4L * elements);
        // The same memory for each request, as a pool would give it.
        context = new DecodeContext("m", Integer.MAX_VALUE,
                SegmentAllocator.prefixAllocator(arena.allocate(4L * elements, 64)), SharedMemoryRegions.NONE);
    }

    /** Frees the memory. */
    @TearDown
    public void close() {
        arena.close();
    }

    /** Parses JSON and reads the elements into memory. */
    @Benchmark
    public DecodedRequest json() {
        return decoder.decode(json, 0, json.length, MemorySegment.NULL, context);
    }

    /** Parses JSON that lies off-heap, a piece at a time, and reads the elements into memory. */
    @Benchmark
    public DecodedRequest jsonOffHeap() {
        return decoder.decode(jsonOffHeap, window, MemorySegment.NULL, context);
    }

    /** Parses a short JSON and cuts the tensor out of what follows. */
    @Benchmark
    public DecodedRequest binarySlicing() {
        return decoder.decode(binaryHead, 0, binaryHead.length, tensors, context);
    }
}
