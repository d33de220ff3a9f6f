package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.config.Dims;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorrt.global.nvinfer;
import org.bytedeco.tensorrt.global.nvinfer.DataType;
import org.bytedeco.tensorrt.global.nvinfer.OptProfileSelector;
import org.bytedeco.tensorrt.nvinfer.Dims64;
import org.bytedeco.tensorrt.nvinfer.IBuilder;
import org.bytedeco.tensorrt.nvinfer.IBuilderConfig;
import org.bytedeco.tensorrt.nvinfer.IHostMemory;
import org.bytedeco.tensorrt.nvinfer.INetworkDefinition;
import org.bytedeco.tensorrt.nvinfer.IOptimizationProfile;
import org.bytedeco.tensorrt.nvinfer.ITensor;
import org.bytedeco.tensorrt.nvinfer.Weights;

/** Builds engines with TensorRT's builder, on this machine's GPU. */
final class BuiltEngine implements AutoCloseable {
    private final Owned owned = new Owned();
    private final List<Pointer> kept = new ArrayList<>();
    private final NativeLogger logger;
    private final IBuilder builder;
    private final IBuilderConfig config;
    final INetworkDefinition network;

    BuiltEngine() {
        logger = NativeTensorRt.newLogger();
        owned.add(logger, logger::close);
        builder = existing(nvinfer.createInferBuilder(logger), "builder");
        owned.add(builder, () -> NativeDelete.delete(builder));
        network = builder.createNetworkV2(0);
        owned.add(network, () -> NativeDelete.delete(network));
        config = builder.createBuilderConfig();
        owned.add(config, () -> NativeDelete.delete(config));
    }

    private <T extends Pointer> T existing(T created, String what) {
        if (NativeTensorRt.isNothing(created)) {
            throw new IllegalStateException("TensorRT makes no " + what + ": " + logger.takeComplaint());
        }
        return created;
    }

    ITensor input(String name, DataType type, long... dims) {
        return network.addInput(name, type, dims(dims));
    }

    void output(String name, ITensor tensor) {
        tensor.setName(name);
        network.markOutput(tensor);
    }

    /** Adds a profile; the shapes are smallest, best and largest. */
    void profile(Map<String, EngineLayout.Range> shapes) {
        IOptimizationProfile profile = builder.createOptimizationProfile();
        shapes.forEach((name, range) -> {
            profile.setDimensions(name, OptProfileSelector.kMIN, dims(range.min().toArray()));
            profile.setDimensions(name, OptProfileSelector.kOPT, dims(range.opt().toArray()));
            profile.setDimensions(name, OptProfileSelector.kMAX, dims(range.max().toArray()));
        });
        config.addOptimizationProfile(profile);
    }

    Weights weights(float... values) {
        FloatPointer pointer = new FloatPointer(values);
        kept.add(pointer);
        Weights weights = new Weights().type(DataType.kFLOAT).values(pointer).count(values.length);
        kept.add(weights);
        return weights;
    }

    Dims64 dims(long... values) {
        Dims64 dims = new Dims64().nbDims(values.length);
        for (int i = 0; i < values.length; i++) {
            dims.d(i, values[i]);
        }
        kept.add(dims);
        return dims;
    }

    /** Builds the engine and puts it where the model's version 1 has it. */
    @SuppressWarnings("restricted")
    void write(Path modelDirectory) {
        IHostMemory plan = existing(builder.buildSerializedNetwork(network, config), "engine");
        try {
            byte[] bytes = MemorySegment.ofAddress(plan.data().address()).reinterpret(plan.size())
                    .toArray(ValueLayout.JAVA_BYTE);
            Plans.write(modelDirectory, "model.plan", bytes);
        } finally {
            NativeDelete.delete(plan);
        }
    }

    static EngineLayout.Range range(Dims min, Dims opt, Dims max) {
        return new EngineLayout.Range(min, opt, max);
    }

    @Override
    public void close() {
        owned.close();
        kept.forEach(Pointer::close);
    }
}
