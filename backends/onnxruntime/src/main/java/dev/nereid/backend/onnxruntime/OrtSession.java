package dev.nereid.backend.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.DataType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A loaded model. Any number of threads may execute it at once. */
final class OrtSession implements AutoCloseable {
    private static final int RELEASE_SESSION = 95;
    private static final int RELEASE_TYPE_INFO = 98;
    private static final int TENSOR = 1;
    private static final List<String> KINDS = List.of("ONNX_TYPE_UNKNOWN", "ONNX_TYPE_TENSOR", "ONNX_TYPE_SEQUENCE",
            "ONNX_TYPE_MAP", "ONNX_TYPE_OPAQUE", "ONNX_TYPE_SPARSETENSOR", "ONNX_TYPE_OPTIONAL");

    /** Sessions are created one after the other, as the reference does. */
    private static final Object CREATION = new Object();

    private final OrtEnvironment environment;
    private final long handle;
    private final List<OnnxTensorInfo> inputs;
    private final List<OnnxTensorInfo> outputs;
    private final List<OnnxTensorInfo> initializers;

    private OrtSession(OrtEnvironment environment, long handle, List<OnnxTensorInfo> inputs,
            List<OnnxTensorInfo> outputs, List<OnnxTensorInfo> initializers) {
        this.environment = environment;
        this.handle = handle;
        this.inputs = inputs;
        this.outputs = outputs;
        this.initializers = initializers;
    }

    /**
     * Loads a model.
     *
     * @throws OrtException when ONNX Runtime refuses it
     * @throws InferenceException UNSUPPORTED when an input or output is no tensor
     */
    static OrtSession load(OrtEnvironment environment, Path file, SessionOptions options) {
        OrtApi api = environment.api();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(JAVA_LONG);
            long path = arena.allocateFrom(file.toString()).address();
            synchronized (CREATION) {
                api.createSession(environment.handle(), path, options.handle(), result.address());
            }
            long handle = result.get(JAVA_LONG, 0);
            try {
                Reader reader = new Reader(environment, handle, arena);
                return new OrtSession(environment, handle, reader.tensors(30, 36, 33), reader.tensors(31, 37, 34),
                        reader.tensors(32, 38, 35));
            } catch (RuntimeException | Error e) {
                api.release(RELEASE_SESSION, handle);
                throw e;
            }
        }
    }

    /** Reads what the model says about its tensors. */
    private record Reader(OrtEnvironment environment, long session, Arena arena) {
        private static final int ALLOCATOR_FREE = 76;

        /** Reads through the functions at those places, which give the count, a name and a type. */
        List<OnnxTensorInfo> tensors(int countPlace, int namePlace, int typePlace) {
            OrtApi api = environment.api();
            MethodHandle count = api.status(countPlace, JAVA_LONG, JAVA_LONG);
            MethodHandle name = api.status(namePlace, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
            MethodHandle type = api.status(typePlace, JAVA_LONG, JAVA_LONG, JAVA_LONG);
            long number = number(out -> (long) count.invokeExact(session, out));
            List<OnnxTensorInfo> tensors = new ArrayList<>();
            for (long i = 0; i < number; i++) {
                long index = i;
                long text = number(out -> (long) name.invokeExact(session, index, environment.allocator(), out));
                String tensor = OrtApi.text(text);
                MethodHandle free = api.status(ALLOCATOR_FREE, JAVA_LONG, JAVA_LONG);
                api.check(() -> (long) free.invokeExact(environment.allocator(), text));
                long info = api.create(out -> () -> (long) type.invokeExact(session, index, out));
                try {
                    tensors.add(tensor(tensor, info));
                } finally {
                    api.release(RELEASE_TYPE_INFO, info);
                }
            }
            return List.copyOf(tensors);
        }

        private OnnxTensorInfo tensor(String name, long typeInfo) {
            OrtApi api = environment.api();
            MethodHandle getKind = api.status(56, JAVA_LONG, JAVA_LONG);
            int kind = (int) number(out -> (long) getKind.invokeExact(typeInfo, out));
            if (kind != TENSOR) {
                String kindName = kind >= 0 && kind < KINDS.size() ? KINDS.get(kind) : KINDS.getFirst();
                throw InferenceException.unsupported("Unsupported ONNX Type '" + kindName + "' for I/O '" + name
                        + "', expected '" + KINDS.get(TENSOR) + "'.");
            }
            MethodHandle cast = api.status(55, JAVA_LONG, JAVA_LONG);
            long info = number(out -> (long) cast.invokeExact(typeInfo, out));
            Optional<DataType> dataType = OnnxTypes.dataType(TensorInfos.elementType(api, info, arena));
            if (!api.hasShape(info)) {
                return new OnnxTensorInfo(name, dataType, Optional.empty(), "");
            }
            long[] dimensions = TensorInfos.dimensions(api, info, arena);
            return new OnnxTensorInfo(name, dataType, Optional.of(Dims.of(dimensions)),
                    TensorInfos.firstName(api, info, dimensions.length, arena));
        }

        @FunctionalInterface
        private interface Getter {
            long get(long out) throws Throwable;
        }

        private long number(Getter getter) {
            MemorySegment result = arena.allocate(JAVA_LONG);
            environment.api().check(() -> getter.get(result.address()));
            return result.get(JAVA_LONG, 0);
        }
    }

    /** Reads the type and the shape of a tensor. */
    static final class TensorInfos {
        private TensorInfos() {
        }

        static int elementType(OrtApi api, long info, Arena arena) {
            MemorySegment result = arena.allocate(JAVA_INT);
            api.elementType(info, result.address());
            return result.get(JAVA_INT, 0);
        }

        static long[] dimensions(OrtApi api, long info, Arena arena) {
            MemorySegment count = arena.allocate(JAVA_LONG);
            api.dimensionCount(info, count.address());
            long rank = count.get(JAVA_LONG, 0);
            if (rank == 0) {
                return new long[0];
            }
            MemorySegment values = arena.allocate(JAVA_LONG, rank);
            api.dimensions(info, values.address(), rank);
            return values.toArray(JAVA_LONG);
        }

        /** Returns how the model names the first dimension; empty where it doesn't. */
        static String firstName(OrtApi api, long info, int rank, Arena arena) {
            if (rank == 0) {
                return "";
            }
            MemorySegment names = arena.allocate(JAVA_LONG, rank);
            api.dimensionNames(info, names.address(), rank);
            return OrtApi.text(names.get(JAVA_LONG, 0));
        }
    }

    long handle() {
        return handle;
    }

    OrtEnvironment environment() {
        return environment;
    }

    /** Returns the inputs that every execution needs. */
    List<OnnxTensorInfo> inputs() {
        return inputs;
    }

    List<OnnxTensorInfo> outputs() {
        return outputs;
    }

    /** Returns the inputs that have a value in the model, which a request may override. */
    List<OnnxTensorInfo> initializers() {
        return initializers;
    }

    /** Returns the input of that name, with or without a value in the model. */
    Optional<OnnxTensorInfo> input(String name) {
        return find(inputs, name).or(() -> find(initializers, name));
    }

    Optional<OnnxTensorInfo> output(String name) {
        return find(outputs, name);
    }

    private static Optional<OnnxTensorInfo> find(List<OnnxTensorInfo> tensors, String name) {
        return tensors.stream().filter(tensor -> tensor.name().equals(name)).findFirst();
    }

    @Override
    public void close() {
        environment.api().release(RELEASE_SESSION, handle);
    }
}
