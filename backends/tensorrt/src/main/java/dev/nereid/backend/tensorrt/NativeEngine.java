package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.DataType;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorrt.global.nvinfer.ExecutionContextAllocationStrategy;
import org.bytedeco.tensorrt.global.nvinfer.OptProfileSelector;
import org.bytedeco.tensorrt.global.nvinfer.TensorIOMode;
import org.bytedeco.tensorrt.global.nvinfer.TensorLocation;
import org.bytedeco.tensorrt.nvinfer.Dims64;
import org.bytedeco.tensorrt.nvinfer.ICudaEngine;
import org.bytedeco.tensorrt.nvinfer.IExecutionContext;
import org.bytedeco.tensorrt.nvinfer.IRuntime;

/** An engine, by JavaCPP. */
final class NativeEngine implements TrtEngine {
    private final ICudaEngine engine;
    private final NativeLogger logger;
    private final EngineLayout layout;

    private NativeEngine(ICudaEngine engine, NativeLogger logger, EngineLayout layout) {
        this.engine = engine;
        this.logger = logger;
        this.layout = layout;
    }

    /**
     * Loads engines.
     *
     * @param runtime owned
     * @param logger tells why something failed
     * @param device where the engines will run
     */
    record Deserializer(IRuntime runtime, NativeLogger logger, TensorRt.GpuDevice device) implements TrtRuntime {
        @Override
        public TrtEngine load(MemorySegment plan) {
            ICudaEngine engine = runtime.deserializeCudaEngine(new AddressPointer().at(plan), plan.byteSize());
            if (NativeTensorRt.isNothing(engine)) {
                throw TrtErrors.load(logger.takeComplaint(), device);
            }
            try {
                return new NativeEngine(engine, logger, layout(engine));
            } catch (RuntimeException e) {
                NativeDelete.delete(engine);
                throw e;
            }
        }

        @Override
        public void close() {
            NativeDelete.delete(runtime);
        }
    }

    private static EngineLayout layout(ICudaEngine engine) {
        List<EngineLayout.IoTensor> tensors = new ArrayList<>();
        for (int i = 0; i < engine.getNbIOTensors(); i++) {
            tensors.add(tensor(engine, engine.getIOTensorName(i)));
        }
        List<EngineLayout.Profile> profiles = new ArrayList<>();
        for (int profile = 0; profile < Math.max(1, engine.getNbOptimizationProfiles()); profile++) {
            Map<String, EngineLayout.Range> shapes = new HashMap<>();
            Map<String, EngineLayout.Range> values = new HashMap<>();
            for (EngineLayout.IoTensor tensor : tensors) {
                if (!tensor.isInput()) {
                    continue;
                }
                EngineLayout.Range range = tensor.dims().isFixed()
                        ? new EngineLayout.Range(tensor.dims(), tensor.dims(), tensor.dims())
                        : shapes(engine, tensor.name(), profile);
                shapes.put(tensor.name(), range);
                if (tensor.isShape()) {
                    values(engine, tensor, profile).ifPresent(allowed -> values.put(tensor.name(), allowed));
                }
            }
            profiles.add(new EngineLayout.Profile(shapes, values));
        }
        return new EngineLayout(tensors, profiles, engine.getStreamableWeightsSize());
    }

    private static EngineLayout.IoTensor tensor(ICudaEngine engine, String name) {
        org.bytedeco.tensorrt.global.nvinfer.DataType type = engine.getTensorDataType(name).intern();
        Optional<DataType> dataType = switch (type) {
            case kFLOAT -> Optional.of(DataType.FP32);
            case kHALF -> Optional.of(DataType.FP16);
            case kBF16 -> Optional.of(DataType.BF16);
            case kINT8 -> Optional.of(DataType.INT8);
            case kUINT8 -> Optional.of(DataType.UINT8);
            case kINT32 -> Optional.of(DataType.INT32);
            case kINT64 -> Optional.of(DataType.INT64);
            case kBOOL -> Optional.of(DataType.BOOL);
            case kFP8, kINT4, kFP4, kE8M0 -> Optional.empty();
        };
        String format = engine.getTensorFormat(name).intern().name().substring(1);
        EngineLayout.Format layout = format.equals(EngineLayout.Format.LINEAR.name())
                ? EngineLayout.Format.LINEAR
                : new EngineLayout.Format(format, engine.getTensorVectorizedDim(name),
                        Math.max(1, engine.getTensorComponentsPerElement(name)));
        return new EngineLayout.IoTensor(name, engine.getTensorIOMode(name).intern() == TensorIOMode.kINPUT, dataType,
                type.name().substring(1), taken(engine.getTensorShape(name)), engine.isShapeInferenceIO(name),
                engine.getTensorLocation(name).intern() == TensorLocation.kHOST, layout);
    }

    private static EngineLayout.Range shapes(ICudaEngine engine, String name, int profile) {
        return new EngineLayout.Range(taken(engine.getProfileShape(name, profile, OptProfileSelector.kMIN)),
                taken(engine.getProfileShape(name, profile, OptProfileSelector.kOPT)),
                taken(engine.getProfileShape(name, profile, OptProfileSelector.kMAX)));
    }

    private static Optional<EngineLayout.Range> values(ICudaEngine engine, EngineLayout.IoTensor tensor, int profile) {
        int count = tensor.dims().rank() == 0 ? 1 : Math.toIntExact(tensor.dims().get(0));
        LongPointer min = engine.getProfileTensorValuesV2(tensor.name(), profile, OptProfileSelector.kMIN);
        LongPointer opt = engine.getProfileTensorValuesV2(tensor.name(), profile, OptProfileSelector.kOPT);
        LongPointer max = engine.getProfileTensorValuesV2(tensor.name(), profile, OptProfileSelector.kMAX);
        if (Pointer.isNull(min) || Pointer.isNull(opt) || Pointer.isNull(max)) {
            return Optional.empty();
        }
        return Optional.of(new EngineLayout.Range(read(min, count), read(opt, count), read(max, count)));
    }

    private static Dims read(LongPointer values, int count) {
        long[] copy = new long[count];
        for (int i = 0; i < count; i++) {
            copy[i] = values.get(i);
        }
        return Dims.of(copy);
    }

    /** Returns the dims and frees the object that the bindings made for them. */
    static Dims taken(Dims64 dims) {
        try (dims) {
            if (dims.nbDims() < 0) {
                throw InferenceException.internal("TensorRT knows no shape");
            }
            long[] values = new long[dims.nbDims()];
            for (int i = 0; i < values.length; i++) {
                values[i] = dims.d(i);
            }
            return Dims.of(values);
        }
    }

    @Override
    public EngineLayout layout() {
        return layout;
    }

    @Override
    public void setWeightBudget(long byteSize) {
        if (!engine.setWeightStreamingBudgetV2(byteSize)) {
            throw TrtErrors.refused("unable to keep " + byteSize + " bytes of weights on the GPU",
                    logger.takeComplaint());
        }
    }

    @Override
    public long automaticWeightBudget() {
        return engine.getWeightStreamingAutomaticBudget();
    }

    @Override
    public TrtContext createContext(boolean followsProfile) {
        IExecutionContext context = engine.createExecutionContext(followsProfile
                ? ExecutionContextAllocationStrategy.kON_PROFILE_CHANGE
                : ExecutionContextAllocationStrategy.kSTATIC);
        if (NativeTensorRt.isNothing(context)) {
            throw TrtErrors.refused("unable to create TensorRT context", logger.takeComplaint());
        }
        return new NativeContext(context, logger);
    }

    @Override
    public void close() {
        NativeDelete.delete(engine);
    }
}
