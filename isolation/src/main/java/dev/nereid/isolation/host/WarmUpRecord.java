package dev.nereid.isolation.host;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.wire.Lane;
import dev.nereid.isolation.wire.TensorData;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What an instance executed to warm up: its first executions, as many as its configuration says. They are repeated where it
 * is created again, before it serves. Used by one thread at a time.
 */
final class WarmUpRecord {
    private static final Logger LOGGER = System.getLogger(WarmUpRecord.class.getName());
    /** What is larger than this altogether is not kept. */
    private static final long MAX_BYTES = 64L << 20;

    private final String model;
    private final List<Sample> samples = new ArrayList<>();
    private int missing;
    private long bytes;

    /** A batch and its inputs, in the order of their places. */
    private record Sample(List<Lane.RequestData> requests, List<List<byte[]>> inputs) {
    }

    WarmUpRecord(ModelConfig config) {
        model = config.name();
        missing = config.warmups().stream().filter(warmup -> warmup.batchSize() > 0)
                .mapToInt(warmup -> Math.max(1, warmup.count())).sum();
    }

    /** Returns whether the next execution is one to warm up. */
    boolean isRecording() {
        return missing > 0;
    }

    /** Keeps what was just executed. */
    void record(WorkerProcess process, List<Lane.RequestData> requests) {
        missing--;
        long size = requests.stream().flatMap(request -> request.inputs().stream()).mapToLong(TensorData::byteSize)
                .sum();
        if (bytes + size > MAX_BYTES) {
            LOGGER.log(Level.WARNING, () -> "model '" + model + "': a warm-up sample of " + size
                    + " bytes is not repeated when its process is started again");
            return;
        }
        bytes += size;
        samples.add(new Sample(requests, requests.stream().map(request -> request.inputs().stream()
                .map(input -> Blocks.slice(process.region().inputs(), input.offset(), input.byteSize())
                        .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE))
                .toList()).toList()));
    }

    /** Executes again what was kept. What the instance answers is dropped. */
    void replay(LaneConnection lane, int instance, Optional<Duration> hangLimit) {
        WorkerProcess process = lane.process();
        for (Sample sample : samples) {
            List<Blocks.Block> blocks = new ArrayList<>();
            try {
                List<Lane.RequestData> requests = new ArrayList<>();
                for (int i = 0; i < sample.requests().size(); i++) {
                    Lane.RequestData request = sample.requests().get(i);
                    List<TensorData> inputs = new ArrayList<>();
                    for (int j = 0; j < request.inputs().size(); j++) {
                        byte[] content = sample.inputs().get(i).get(j);
                        Blocks.Block block = process.inputs().allocate(content.length, Duration.ofSeconds(1));
                        blocks.add(block);
                        block.memory().copyFrom(MemorySegment.ofArray(content));
                        TensorData input = request.inputs().get(j);
                        inputs.add(new TensorData(input.name(), input.dataType(), input.shape(), block.offset(),
                                content.length));
                    }
                    // Below zero: never a request of the server.
                    requests.add(new Lane.RequestData(-1 - i, request.flag(), request.id(), request.correlationId(),
                            request.isSequenceStart(), request.isSequenceEnd(), request.timeoutMicros(),
                            request.parameters(), inputs, request.batchSize(), request.outputs()));
                }
                Lane.Executed executed = lane.call(new Lane.Execute(instance, requests), Lane.Executed.class,
                        hangLimit);
                if (executed.failure().isPresent()) {
                    throw executed.failure().get().exception();
                }
            } finally {
                blocks.forEach(block -> process.inputs().free(block.offset()));
            }
        }
    }
}
