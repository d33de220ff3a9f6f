package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.tensor.Shape;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.util.List;

/** The {@code IOutputAllocator} of one output: asks for memory once its size is known, and tells its shape. */
@SuppressWarnings("restricted")
final class NativeOutputSink implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(NativeOutputSink.class.getName());
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
    /** A number of dimensions in 4 bytes, padding, then 8 dimensions of 8 bytes each. */
    private static final long DIMS_SIZE = 72;
    private static final long DIMS_BEGIN = 8;

    private final TrtContext.OutputSink sink;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment self;

    NativeOutputSink(TrtContext.OutputSink sink) {
        this.sink = sink;
        MethodHandles.Lookup lookup = MethodHandles.lookup();
        self = NativeInterface.create("IOutputAllocator", List.of(
                NativeInterface.function(lookup, this, "reallocate", FunctionDescriptor.of(WORD, ValueLayout.ADDRESS,
                        ValueLayout.ADDRESS, WORD, WORD, WORD)),
                NativeInterface.function(lookup, this, "reallocateAsync",
                        FunctionDescriptor.of(WORD, ValueLayout.ADDRESS,
                                ValueLayout.ADDRESS, WORD, WORD, WORD, ValueLayout.ADDRESS)),
                NativeInterface.function(lookup, this, "notifyShape", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS,
                        ValueLayout.ADDRESS, ValueLayout.ADDRESS))),
                arena);
    }

    /** Returns where TensorRT finds the object. */
    long address() {
        return self.address();
    }

    long reallocate(MemorySegment ignored, MemorySegment tensor, long current, long byteSize, long alignment) {
        try {
            return sink.reserve(byteSize);
        } catch (RuntimeException e) {
            // An exception must not reach native code.
            LOGGER.log(Level.WARNING, "an output gets no memory", e);
            return 0;
        }
    }

    long reallocateAsync(MemorySegment ignored, MemorySegment tensor, long current, long byteSize, long alignment,
            MemorySegment stream) {
        return reallocate(ignored, tensor, current, byteSize, alignment);
    }

    void notifyShape(MemorySegment ignored, MemorySegment tensor, MemorySegment dims) {
        try {
            MemorySegment content = dims.reinterpret(DIMS_SIZE);
            long[] values = new long[content.get(ValueLayout.JAVA_INT, 0)];
            for (int i = 0; i < values.length; i++) {
                values[i] = content.get(WORD, DIMS_BEGIN + i * WORD.byteSize());
            }
            sink.tell(Shape.of(values));
        } catch (RuntimeException e) {
            LOGGER.log(Level.WARNING, "an output has no usable shape", e);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
