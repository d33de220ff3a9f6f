package dev.nereid.backend.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.google.errorprone.annotations.Keep;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What all sessions share: the library, its log, and its threads where all models share them. */
@SuppressWarnings("restricted") // calling native code is what this package is for
final class OrtEnvironment implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger("dev.nereid.backend.onnxruntime");
    private static final int INFO = 1;
    private static final int WARNING = 2;
    private static final int RELEASE_ENVIRONMENT = 92;
    private static final int RELEASE_MEMORY_INFO = 94;
    private static final int RELEASE_THREADING = 122;

    /** Loaded once in a process: neither the library nor what it calls to log is ever unloaded. */
    @GuardedBy("OrtEnvironment.class")
    private static @Nullable OrtApi loadedApi;
    @GuardedBy("OrtEnvironment.class")
    private static @Nullable MemorySegment loadedLogger;
    private static volatile String lastMessage = "";

    private final OrtApi api;
    private final long handle;
    private final long memoryInfo;
    private final long allocator;
    private final boolean hasGlobalThreads;

    private OrtEnvironment(OrtApi api, long handle, long memoryInfo, long allocator, boolean hasGlobalThreads) {
        this.api = api;
        this.handle = handle;
        this.memoryInfo = memoryInfo;
        this.allocator = allocator;
        this.hasGlobalThreads = hasGlobalThreads;
    }

    /**
     * Starts ONNX Runtime.
     *
     * @throws dev.nereid.backend.api.InferenceException UNAVAILABLE when it can't be loaded on this machine
     */
    static synchronized OrtEnvironment create(OnnxRuntimeSettings settings) {
        OrtApi api = loadedApi;
        MemorySegment logger = loadedLogger;
        if (api == null || logger == null) {
            api = OrtApi.load();
            logger = logger();
            loadedApi = api;
            loadedLogger = logger;
        }
        OrtApi functions = api;
        long handle = settings.hasGlobalThreads()
                ? withGlobalThreads(api, logger, settings)
                : withOwnThreads(api, logger);
        try (Arena arena = Arena.ofConfined()) {
            MethodHandle telemetryOff = api.status(6, JAVA_LONG);
            functions.check(() -> (long) telemetryOff.invokeExact(handle));
            MethodHandle getAllocator = api.status(78, JAVA_LONG);
            MemorySegment result = arena.allocate(JAVA_LONG);
            functions.check(() -> (long) getAllocator.invokeExact(result.address()));
            MethodHandle createInfo = api.status(69, JAVA_INT, JAVA_INT, JAVA_LONG);
            // An arena's allocator, of the default kind of memory.
            long memoryInfo = api.create(out -> () -> (long) createInfo.invokeExact(1, 0, out));
            return new OrtEnvironment(api, handle, memoryInfo, result.get(JAVA_LONG, 0), settings.hasGlobalThreads());
        } catch (RuntimeException | Error e) {
            api.release(RELEASE_ENVIRONMENT, handle);
            throw e;
        }
    }

    private static long withOwnThreads(OrtApi api, MemorySegment logger) {
        MethodHandle create = api.status(4, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment id = arena.allocateFrom("nereid");
            return api.create(
                    out -> () -> (long) create.invokeExact(logger.address(), 0L, severity(), id.address(), out));
        }
    }

    private static long withGlobalThreads(OrtApi api, MemorySegment logger, OnnxRuntimeSettings settings) {
        MethodHandle createThreading = api.status(121, JAVA_LONG);
        MethodHandle setIntraOp = api.status(147, JAVA_LONG, JAVA_INT);
        MethodHandle setInterOp = api.status(148, JAVA_LONG, JAVA_INT);
        MethodHandle create = api.status(151, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        long threading = api.create(out -> () -> (long) createThreading.invokeExact(out));
        try (Arena arena = Arena.ofConfined()) {
            api.check(() -> (long) setIntraOp.invokeExact(threading, settings.globalIntraOpThreads()));
            api.check(() -> (long) setInterOp.invokeExact(threading, settings.globalInterOpThreads()));
            MemorySegment id = arena.allocateFrom("nereid");
            return api.create(out -> () -> (long) create.invokeExact(logger.address(), 0L, severity(), id.address(),
                    threading, out));
        } finally {
            api.release(RELEASE_THREADING, threading);
        }
    }

    private static int severity() {
        return LOGGER.isLoggable(Level.DEBUG) ? INFO : WARNING;
    }

    private static MemorySegment logger() {
        try {
            MethodHandle log = MethodHandles.lookup().findStatic(OrtEnvironment.class, "log",
                    MethodType.methodType(void.class, int.class, long.class));
            // Only severity and message are wanted, not the parameter, the category, the id and the source position.
            FunctionDescriptor called = FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG,
                    JAVA_LONG);
            return Linker.nativeLinker().upcallStub(
                    MethodHandles.permuteArguments(log, called.toMethodType(), 1, 5), called, Arena.global());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Called by ONNX Runtime, on any thread. What is thrown here would end the process. */
    @Keep
    private static void log(int severity, long message) {
        try {
            String text = OrtApi.text(message);
            // An error that every request repeats is told once; whoever asked gets it as an answer anyway.
            boolean isRepeated = text.equals(lastMessage);
            lastMessage = text;
            Level level = severity <= INFO || isRepeated ? Level.DEBUG : Level.WARNING;
            LOGGER.log(level, () -> "ONNX Runtime: " + text);
        } catch (Throwable e) {
            lastMessage = "";
        }
    }

    OrtApi api() {
        return api;
    }

    long handle() {
        return handle;
    }

    /** Returns the description of plain host memory. */
    long memoryInfo() {
        return memoryInfo;
    }

    /** Returns the allocator of plain host memory. */
    long allocator() {
        return allocator;
    }

    boolean hasGlobalThreads() {
        return hasGlobalThreads;
    }

    /** Returns the names of what can execute models, such as {@code CPUExecutionProvider}. */
    List<String> providers() {
        MethodHandle get = api.status(125, JAVA_LONG, JAVA_LONG);
        MethodHandle free = api.status(126, JAVA_LONG, JAVA_INT);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment names = arena.allocate(ValueLayout.ADDRESS);
            MemorySegment count = arena.allocate(JAVA_INT);
            api.check(() -> (long) get.invokeExact(names.address(), count.address()));
            int length = count.get(JAVA_INT, 0);
            AddressLayout array = ValueLayout.ADDRESS
                    .withTargetLayout(MemoryLayout.sequenceLayout(length, JAVA_LONG));
            MemorySegment texts = names.get(array, 0);
            List<String> providers = new ArrayList<>();
            for (int i = 0; i < length; i++) {
                providers.add(OrtApi.text(texts.getAtIndex(JAVA_LONG, i)));
            }
            api.check(() -> (long) free.invokeExact(texts.address(), length));
            return providers;
        }
    }

    @Override
    public void close() {
        api.release(RELEASE_MEMORY_INFO, memoryInfo);
        api.release(RELEASE_ENVIRONMENT, handle);
    }
}
