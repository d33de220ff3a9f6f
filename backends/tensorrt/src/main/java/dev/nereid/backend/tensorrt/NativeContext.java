package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.tensorrt.nvinfer.Dims64;
import org.bytedeco.tensorrt.nvinfer.IExecutionContext;
import org.bytedeco.tensorrt.nvinfer.IOutputAllocator;

/** An execution context, by JavaCPP. */
final class NativeContext implements TrtContext {
    private static final int MOST_DIMENSIONS = 8;

    private final IExecutionContext context;
    private final NativeLogger logger;
    private final Dims64 dims = new Dims64();
    private final AddressPointer address = new AddressPointer();
    private final List<NativeOutputSink> sinks = new ArrayList<>();

    NativeContext(IExecutionContext context, NativeLogger logger) {
        this.context = context;
        this.logger = logger;
    }

    @Override
    public void selectProfile(int profile, CudaStream stream) {
        check(context.setOptimizationProfileAsync(profile, ((NativeCuda.Stream) stream).handle()),
                "Can not set the specified optimization profile [" + profile + "]");
    }

    @Override
    public void setInputShape(String input, Shape shape) {
        if (shape.rank() > MOST_DIMENSIONS) {
            throw InferenceException.invalid(
                    "input '" + input + "' has " + shape.rank() + " dimensions, at most " + MOST_DIMENSIONS
                            + " are possible");
        }
        dims.nbDims(shape.rank());
        for (int i = 0; i < shape.rank(); i++) {
            dims.d(i, shape.dimension(i));
        }
        check(context.setInputShape(input, dims),
                "trt failed to set binding dimension to " + shape + " for input '" + input + "'");
    }

    @Override
    public void setAddress(String tensor, long where) {
        check(context.setTensorAddress(tensor, address.at(where)), "trt failed to set the address of '" + tensor + "'");
    }

    @Override
    public void setOutputSink(String output, OutputSink sink) {
        NativeOutputSink allocator = new NativeOutputSink(sink);
        sinks.add(allocator);
        check(context.setOutputAllocator(output, new IOutputAllocator(address.at(allocator.address()))),
                "trt failed to set the allocator of output '" + output + "'");
    }

    @Override
    public Dims shape(String tensor) {
        return NativeEngine.taken(context.getTensorShape(tensor));
    }

    @Override
    public void checkComplete() {
        if (context.inferShapes(0, (PointerPointer<?>) null) != 0) {
            throw TrtErrors.refused("failed to specify the dimensions of all input tensors or values of all input shape"
                    + " tensors", logger.takeComplaint());
        }
    }

    @Override
    public void enqueue(CudaStream stream) {
        check(context.enqueueV3(((NativeCuda.Stream) stream).handle()), "unable to enqueue for inference");
    }

    private void check(boolean done, String what) {
        if (!done) {
            throw TrtErrors.refused(what, logger.takeComplaint());
        }
    }

    @Override
    public void close() {
        // The context may call its sinks until it is gone.
        NativeDelete.delete(context);
        sinks.forEach(NativeOutputSink::close);
        dims.close();
    }
}
