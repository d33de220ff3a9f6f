package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.tensorrt.EngineLayout.IoTensor;
import dev.nereid.backend.tensorrt.EngineLayout.Profile;
import dev.nereid.backend.tensorrt.EngineLayout.Range;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Plan files, engines and configurations for tests. */
final class Plans {
    static final InstanceGroup GPU = new InstanceGroup("", InstanceGroup.Kind.GPU, 1);

    private Plans() {
    }

    /** Writes the beginning of a plan file, as TensorRT of that version does. */
    static byte[] header(int major, int minor, int patch) {
        ByteBuffer header = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
        header.putInt(0x74727466).putInt(0);
        header.put(24, (byte) major).put(25, (byte) minor).put(26, (byte) patch).put(27, (byte) 2);
        return header.array();
    }

    static byte[] header() {
        return header(TrtVersion.BINDINGS.major(), TrtVersion.BINDINGS.minor(), TrtVersion.BINDINGS.patch());
    }

    /** Puts a plan file into the directory of version 1. */
    static void write(Path modelDirectory) {
        write(modelDirectory, "model.plan", header());
    }

    static void write(Path modelDirectory, String name, byte[] content) {
        try {
            Files.createDirectories(modelDirectory.resolve("1"));
            Files.write(modelDirectory.resolve("1").resolve(name), content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Range range(Dims min, Dims opt, Dims max) {
        return new Range(min, opt, max);
    }

    /** An engine that adds two FP32 inputs of [-1,-1]: 1 to 8 rows of 1 to 16 values. */
    static EngineLayout addition() {
        return addition(new Profile(Map.of("INPUT0", rows(1, 4, 8), "INPUT1", rows(1, 4, 8)), Map.of()));
    }

    static EngineLayout addition(Profile... profiles) {
        return new EngineLayout(List.of(new IoTensor("INPUT0", true, DataType.FP32, Dims.of(-1, -1)),
                new IoTensor("INPUT1", true, DataType.FP32, Dims.of(-1, -1)),
                new IoTensor("OUTPUT0", false, DataType.FP32, Dims.of(-1, -1))), List.of(profiles), 0);
    }

    static Range rows(long min, long opt, long max) {
        return range(Dims.of(min, 1), Dims.of(opt, 4), Dims.of(max, 16));
    }

    static void add(FakeTensorRt.Call call) {
        MemorySegment one = call.input("INPUT0");
        MemorySegment other = call.input("INPUT1");
        MemorySegment sum = MemorySegment.ofArray(new float[(int) (one.byteSize() / Float.BYTES)]);
        for (int i = 0; i < one.byteSize() / Float.BYTES; i++) {
            sum.set(ValueLayout.JAVA_FLOAT_UNALIGNED, i * 4L, one.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i * 4L)
                    + other.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i * 4L));
        }
        call.write("OUTPUT0", call.shape("INPUT0"), sum);
    }

    static ModelConfig.Builder additionConfig(String name) {
        return config(name).maxBatchSize(8)
                .inputs(List.of(new ModelInput("INPUT0", DataType.FP32, Dims.of(-1)),
                        new ModelInput("INPUT1", DataType.FP32, Dims.of(-1))))
                .outputs(List.of(new ModelOutput("OUTPUT0", DataType.FP32, Dims.of(-1))));
    }

    static ModelConfig.Builder config(String name) {
        return ModelConfig.builder(name).platform("tensorrt_plan").backend("tensorrt").instanceGroups(List.of(GPU));
    }
}
