package dev.nereid.backend.onnxruntime;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongFunction;

/**
 * ONNX Runtime's C interface: a table of functions, each at a place that never changes. Every pointer is a plain number
 * here; a result comes back through memory that the caller passes. Any thread may call.
 */
@SuppressWarnings("restricted") // calling native code is what this package is for
final class OrtApi {
    /** The first that tells a tensor without a shape from a scalar. */
    private static final int VERSION = 24;

    private static final MemoryLayout POINTER = JAVA_LONG;
    private static final MemoryLayout SIZE = JAVA_LONG;
    private static final int LONGEST_TEXT = 1 << 20;

    private static final AtomicLong LIVE = new AtomicLong();

    private final MemorySegment table;
    private final String libraryVersion;

    private final MethodHandle getErrorCode;
    private final MethodHandle getErrorMessage;
    private final MethodHandle releaseStatus;
    private final MethodHandle createSession;
    private final MethodHandle run;
    private final MethodHandle createTensor;
    private final MethodHandle wrapTensor;
    private final MethodHandle tensorData;
    private final MethodHandle stringBuffer;
    private final MethodHandle stringsLength;
    private final MethodHandle stringsContent;
    private final MethodHandle tensorInfo;
    private final MethodHandle elementType;
    private final MethodHandle dimensionCount;
    private final MethodHandle dimensions;
    private final MethodHandle dimensionNames;
    private final MethodHandle hasShape;
    private final MethodHandle releaseValue;
    private final MethodHandle releaseTensorInfo;

    private OrtApi(MemorySegment table, String libraryVersion) {
        this.table = table;
        this.libraryVersion = libraryVersion;
        getErrorCode = function(1, FunctionDescriptor.of(JAVA_INT, POINTER));
        getErrorMessage = function(2, FunctionDescriptor.of(JAVA_LONG, POINTER));
        releaseStatus = release(93);
        createSession = status(7, POINTER, POINTER, POINTER, POINTER);
        run = status(9, POINTER, POINTER, POINTER, POINTER, SIZE, POINTER, SIZE, POINTER);
        createTensor = status(48, POINTER, POINTER, SIZE, JAVA_INT, POINTER);
        wrapTensor = status(49, POINTER, POINTER, SIZE, POINTER, SIZE, JAVA_INT, POINTER);
        tensorData = status(51, POINTER, POINTER);
        stringsLength = status(53, POINTER, POINTER);
        stringsContent = status(54, POINTER, POINTER, SIZE, POINTER, SIZE);
        elementType = status(60, POINTER, POINTER);
        dimensionCount = status(61, POINTER, POINTER);
        dimensions = status(62, POINTER, POINTER, SIZE);
        dimensionNames = status(63, POINTER, POINTER, SIZE);
        tensorInfo = status(65, POINTER, POINTER);
        releaseValue = release(96);
        releaseTensorInfo = release(99);
        stringBuffer = status(252, POINTER, SIZE, SIZE, POINTER);
        hasShape = function(390, FunctionDescriptor.of(JAVA_BOOLEAN, POINTER));
    }

    /**
     * Loads the library.
     *
     * @throws InferenceException UNAVAILABLE when that is not possible on this machine
     */
    static OrtApi load() {
        Telemetry.turnOff();
        SymbolLookup library = NativeLibrary.load();
        MethodHandle getBase = Linker.nativeLinker().downcallHandle(library.findOrThrow("OrtGetApiBase"),
                FunctionDescriptor.of(ADDRESS));
        try {
            MemorySegment base = ((MemorySegment) getBase.invokeExact()).reinterpret(2 * ADDRESS.byteSize());
            MethodHandle getApi = Linker.nativeLinker().downcallHandle(base.getAtIndex(ADDRESS, 0),
                    FunctionDescriptor.of(ADDRESS, JAVA_INT));
            MethodHandle getVersion = Linker.nativeLinker().downcallHandle(base.getAtIndex(ADDRESS, 1),
                    FunctionDescriptor.of(JAVA_LONG));
            String version = text((long) getVersion.invokeExact());
            MemorySegment table = (MemorySegment) getApi.invokeExact(VERSION);
            if (table.address() == 0) {
                throw InferenceException.unavailable(
                        "ONNX Runtime " + version + " lies beside the backend, 1." + VERSION + " or newer is needed");
            }
            return new OrtApi(table.reinterpret(400 * ADDRESS.byteSize()), version);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns how many objects that must be released are alive, in all of this process. */
    static long liveObjects() {
        return LIVE.get();
    }

    String libraryVersion() {
        return libraryVersion;
    }

    /** A call of a function that returns an error, or 0. */
    @FunctionalInterface
    interface StatusCall {
        long invoke() throws Throwable;
    }

    /** Returns the function at that place in the table. */
    MethodHandle function(int place, FunctionDescriptor type) {
        return Linker.nativeLinker().downcallHandle(table.getAtIndex(ADDRESS, place), type);
    }

    /** Returns a function that returns an error, or 0; to be called by {@link #check}. */
    MethodHandle status(int place, MemoryLayout... arguments) {
        return function(place, FunctionDescriptor.of(JAVA_LONG, arguments));
    }

    private MethodHandle release(int place) {
        return function(place, FunctionDescriptor.ofVoid(POINTER));
    }

    /**
     * Calls a function.
     *
     * @throws OrtException when it returns an error
     */
    void check(StatusCall call) {
        long status;
        try {
            status = call.invoke();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
        if (status != 0) {
            throw error(status);
        }
    }

    private OrtException error(long status) {
        try {
            OrtException error = new OrtException((int) getErrorCode.invokeExact(status),
                    text((long) getErrorMessage.invokeExact(status)));
            releaseStatus.invokeExact(status);
            return error;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** Returns the text at that address. */
    static String text(long address) {
        return address == 0 ? "" : memory(address, LONGEST_TEXT).getString(0, StandardCharsets.UTF_8);
    }

    /** Returns the memory at that address, of which ONNX Runtime told that it is there and how large it is. */
    static MemorySegment memory(long address, long byteSize) {
        return MemorySegment.ofAddress(address).reinterpret(byteSize);
    }

    /** Calls a function whose last argument receives an object that must be released; returns that object. */
    long create(LongFunction<StatusCall> call) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(JAVA_LONG);
            check(call.apply(result.address()));
            LIVE.incrementAndGet();
            return result.get(JAVA_LONG, 0);
        }
    }

    /** Releases an object with the function at that place. */
    void release(int place, long object) {
        releaseWith(release(place), object);
    }

    private static void releaseWith(MethodHandle function, long object) {
        try {
            function.invokeExact(object);
            LIVE.decrementAndGet();
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    void createSession(long environment, long path, long options, long result) {
        check(() -> (long) createSession.invokeExact(environment, path, options, result));
        LIVE.incrementAndGet();
    }

    /** Executes; the outputs that are there afterwards must be released. */
    void run(long session, long options, long inputNames, long inputs, long inputCount, long outputNames,
            long outputCount, MemorySegment outputs) {
        check(() -> (long) run.invokeExact(session, options, inputNames, inputs, inputCount, outputNames, outputCount,
                outputs.address()));
        for (long i = 0; i < outputCount; i++) {
            if (outputs.getAtIndex(JAVA_LONG, i) != 0) {
                LIVE.incrementAndGet();
            }
        }
    }

    /** Creates a tensor over memory that stays the caller's. */
    void wrapTensor(long memoryInfo, long data, long byteSize, long shape, long rank, int type, long result) {
        check(() -> (long) wrapTensor.invokeExact(memoryInfo, data, byteSize, shape, rank, type, result));
        LIVE.incrementAndGet();
    }

    /** Creates a tensor with memory of its own. */
    void createTensor(long allocator, long shape, long rank, int type, long result) {
        check(() -> (long) createTensor.invokeExact(allocator, shape, rank, type, result));
        LIVE.incrementAndGet();
    }

    void tensorData(long value, long result) {
        check(() -> (long) tensorData.invokeExact(value, result));
    }

    /** Makes room for one text of a tensor. */
    void stringBuffer(long value, long index, long byteSize, long result) {
        check(() -> (long) stringBuffer.invokeExact(value, index, byteSize, result));
    }

    void stringsLength(long value, long result) {
        check(() -> (long) stringsLength.invokeExact(value, result));
    }

    void stringsContent(long value, long target, long byteSize, long offsets, long count) {
        check(() -> (long) stringsContent.invokeExact(value, target, byteSize, offsets, count));
    }

    void tensorInfo(long value, long result) {
        check(() -> (long) tensorInfo.invokeExact(value, result));
        LIVE.incrementAndGet();
    }

    void elementType(long info, long result) {
        check(() -> (long) elementType.invokeExact(info, result));
    }

    void dimensionCount(long info, long result) {
        check(() -> (long) dimensionCount.invokeExact(info, result));
    }

    void dimensions(long info, long target, long count) {
        check(() -> (long) dimensions.invokeExact(info, target, count));
    }

    /** Gets the names that a model gives to dimensions of any size: pointers to texts that belong to {@code info}. */
    void dimensionNames(long info, long target, long count) {
        check(() -> (long) dimensionNames.invokeExact(info, target, count));
    }

    /** Returns whether a tensor's rank is known. */
    boolean hasShape(long info) {
        try {
            return (boolean) hasShape.invokeExact(info);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    void releaseValue(long value) {
        releaseWith(releaseValue, value);
    }

    void releaseTensorInfo(long info) {
        releaseWith(releaseTensorInfo, info);
    }
}
