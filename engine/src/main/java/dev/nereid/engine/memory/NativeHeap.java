package dev.nereid.engine.memory;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/** The C library's heap, which native backends allocate from. */
public final class NativeHeap {
    private static final Optional<MethodHandle> MALLOC_TRIM = find();

    private NativeHeap() {
    }

    @SuppressWarnings("restricted") // a function of the C library without pointers
    private static Optional<MethodHandle> find() {
        Linker linker = Linker.nativeLinker();
        return linker.defaultLookup().find("malloc_trim").map(address -> linker.downcallHandle(address,
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG)));
    }

    /** Gives free memory back to the system, where the C library offers that: after an unload it otherwise stays. */
    public static void trim() {
        if (MALLOC_TRIM.isEmpty()) {
            return;
        }
        try {
            int ignored = (int) MALLOC_TRIM.get().invokeExact(0L);
        } catch (Throwable e) {
            throw new IllegalStateException("malloc_trim failed", e);
        }
    }
}
