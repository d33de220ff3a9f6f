package dev.nereid.backend.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Map;

/** How a session is to be created. Used by one thread, and closed when the session is there. */
final class SessionOptions implements AutoCloseable {
    private static final int RELEASE_OPTIONS = 100;
    private static final int RELEASE_CUDA = 208;

    private final OrtApi api;
    private final long handle;

    private SessionOptions(OrtApi api, long handle) {
        this.api = api;
        this.handle = handle;
    }

    static SessionOptions create(OrtApi api) {
        MethodHandle create = api.status(10, JAVA_LONG);
        return new SessionOptions(api, api.create(out -> () -> (long) create.invokeExact(out)));
    }

    /**
     * Takes over what the configuration says.
     *
     * @param intraOpThreads the threads within operators; not used where all models share threads
     */
    void apply(OnnxParameters parameters, int intraOpThreads, boolean hasGlobalThreads) {
        set(23, parameters.optimization().code());
        set(13, parameters.isParallel() ? 1 : 0);
        if (hasGlobalThreads) {
            set(120);
        } else {
            set(24, intraOpThreads);
            parameters.interOpThreads().ifPresent(count -> set(25, count));
        }
        parameters.memoryArena().ifPresent(isOn -> set(isOn ? 18 : 19));
        parameters.memoryPattern().ifPresent(isOn -> set(isOn ? 16 : 17));
        parameters.sessionEntries().forEach(this::addEntry);
    }

    private void set(int place) {
        MethodHandle function = api.status(place, JAVA_LONG);
        api.check(() -> (long) function.invokeExact(handle));
    }

    private void set(int place, int value) {
        MethodHandle function = api.status(place, JAVA_LONG, JAVA_INT);
        api.check(() -> (long) function.invokeExact(handle, value));
    }

    private void addEntry(String key, String value) {
        MethodHandle add = api.status(130, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        try (Arena arena = Arena.ofConfined()) {
            long keyText = arena.allocateFrom(key).address();
            long valueText = arena.allocateFrom(value).address();
            api.check(() -> (long) add.invokeExact(handle, keyText, valueText));
        }
    }

    /** Adds a library of operators. */
    void addOperators(Path library) {
        MethodHandle register = api.status(228, JAVA_LONG, JAVA_LONG);
        try (Arena arena = Arena.ofConfined()) {
            long path = arena.allocateFrom(library.toString()).address();
            api.check(() -> (long) register.invokeExact(handle, path));
        }
    }

    /** Has the session execute on a GPU what can be executed there. */
    void addCuda(Map<String, String> settings) {
        MethodHandle create = api.status(205, JAVA_LONG);
        MethodHandle update = api.status(206, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        MethodHandle append = api.status(204, JAVA_LONG, JAVA_LONG);
        long cuda = api.create(out -> () -> (long) create.invokeExact(out));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment keys = arena.allocate(JAVA_LONG, settings.size());
            MemorySegment values = arena.allocate(JAVA_LONG, settings.size());
            int index = 0;
            for (Map.Entry<String, String> setting : settings.entrySet()) {
                keys.setAtIndex(JAVA_LONG, index, arena.allocateFrom(setting.getKey()).address());
                values.setAtIndex(JAVA_LONG, index, arena.allocateFrom(setting.getValue()).address());
                index++;
            }
            long count = settings.size();
            api.check(() -> (long) update.invokeExact(cuda, keys.address(), values.address(), count));
            api.check(() -> (long) append.invokeExact(handle, cuda));
        } finally {
            api.release(RELEASE_CUDA, cuda);
        }
    }

    long handle() {
        return handle;
    }

    @Override
    public void close() {
        api.release(RELEASE_OPTIONS, handle);
    }
}
