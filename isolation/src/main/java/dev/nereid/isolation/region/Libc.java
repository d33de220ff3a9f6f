package dev.nereid.isolation.region;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * The few functions of Linux that the JDK does not offer. Where a function is missing or refuses, the answer says so and
 * there is another way.
 */
@SuppressWarnings("restricted") // calling C is what it is for
final class Libc {
    private static final int MFD_CLOEXEC = 1;
    private static final int MFD_ALLOW_SEALING = 2;
    private static final int F_ADD_SEALS = 1033;
    private static final int F_SEAL_SEAL = 1;
    private static final int F_SEAL_SHRINK = 2;
    private static final int F_SEAL_GROW = 4;
    private static final int MADV_REMOVE = 9;

    private Libc() {
    }

    /**
     * Makes memory that has no name and can be neither shrunk nor grown, and returns its file descriptor; empty where that
     * can't be had.
     */
    static Optional<Integer> sealedMemory(long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom("nereid-worker");
            int descriptor = (int) function("memfd_create", ValueLayout.JAVA_INT, ValueLayout.ADDRESS,
                    ValueLayout.JAVA_INT).invoke(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
            if (descriptor < 0) {
                return Optional.empty();
            }
            int size = (int) function("ftruncate", ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG)
                    .invoke(descriptor, bytes);
            int seals = size < 0
                    ? -1
                    : (int) variadic("fcntl", 2, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_INT, ValueLayout.JAVA_INT)
                            .invoke(descriptor, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
            if (seals < 0) {
                close(descriptor);
                return Optional.empty();
            }
            return Optional.of(descriptor);
        } catch (Throwable e) {
            return Optional.empty();
        }
    }

    /** Closes a file descriptor. */
    static void close(int descriptor) {
        try {
            int ignored = (int) function("close", ValueLayout.JAVA_INT, ValueLayout.JAVA_INT).invoke(descriptor);
        } catch (Throwable e) {
            throw new IllegalStateException("a file descriptor can't be closed", e);
        }
    }

    /** Gives the pages of shared memory back to the system, where it can; their content is then zero. */
    static void discard(MemorySegment pages) {
        try {
            int ignored = (int) function("madvise", ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_LONG,
                    ValueLayout.JAVA_INT).invoke(pages, pages.byteSize(), MADV_REMOVE);
        } catch (Throwable e) {
            throw new IllegalStateException("memory can't be given back", e);
        }
    }

    private static MethodHandle function(String name, ValueLayout result, ValueLayout... arguments) {
        return handle(name, FunctionDescriptor.of(result, arguments));
    }

    private static MethodHandle variadic(String name, int fixed, ValueLayout result, ValueLayout... arguments) {
        return handle(name, FunctionDescriptor.of(result, arguments), Linker.Option.firstVariadicArg(fixed));
    }

    private static MethodHandle handle(String name, FunctionDescriptor type, Linker.Option... options) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().find(name)
                .orElseThrow(() -> new UnsupportedOperationException(name)), type, options);
    }
}
