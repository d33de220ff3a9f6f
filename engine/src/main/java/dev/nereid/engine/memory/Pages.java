package dev.nereid.engine.memory;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;
import java.util.Optional;

/**
 * Memory right from the system. It has it back when it is freed, at once and all of it, where the C library would keep what
 * lies below something else; and a page counts as used only once it is written. Threads: any.
 */
final class Pages {
    private static final Logger LOGGER = System.getLogger(Pages.class.getName());
    /** From so many bytes on a system call costs less than what it saves. */
    static final long WORTH_BYTES = 256 << 10;

    private static final int READ_AND_WRITE = 1 | 2;
    private static final int PRIVATE_WITHOUT_A_FILE = 2 | 0x20;
    private static final int NO_FILE = -1;
    private static final long FAILED = -1;
    private static final Optional<Calls> CALLS = Calls.find();

    private Pages() {
    }

    /** The two system calls, as Linux has them. */
    private record Calls(MethodHandle map, MethodHandle unmap) {
        @SuppressWarnings("restricted") // functions of the C library; map() and unmap() say what they are given
        static Optional<Calls> find() {
            if (!System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("linux")) {
                return Optional.empty();
            }
            Linker linker = Linker.nativeLinker();
            Optional<MethodHandle> map = linker.defaultLookup().find("mmap")
                    .map(address -> linker.downcallHandle(address,
                            FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG,
                                    ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
                                    ValueLayout.JAVA_LONG)));
            Optional<MethodHandle> unmap = linker.defaultLookup().find("munmap")
                    .map(address -> linker.downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_INT,
                            ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG)));
            return map.flatMap(first -> unmap.map(second -> new Calls(first, second)));
        }

        long map(long bytes) {
            try {
                return (long) map.invokeExact(0L, bytes, READ_AND_WRITE, PRIVATE_WITHOUT_A_FILE, NO_FILE, 0L);
            } catch (Throwable e) {
                throw new IllegalStateException("mmap can't be called", e);
            }
        }

        void unmap(MemorySegment memory) {
            try {
                int status = (int) unmap.invokeExact(memory.address(), memory.byteSize());
                if (status != 0) {
                    // Whoever frees it can do nothing about it, and must not lose its own count.
                    LOGGER.log(Level.WARNING, "the system did not take back {0} bytes of memory", memory.byteSize());
                }
            } catch (Throwable e) {
                throw new IllegalStateException("munmap can't be called", e);
            }
        }
    }

    /**
     * Returns cleared memory that is freed when {@code arena} is closed. On other systems than Linux it is the C library's.
     *
     * @param alignment at most that of a page
     * @throws OutOfMemoryError where the system has none left
     */
    @SuppressWarnings("restricted") // the memory has just been mapped with that size, and nobody else knows its address
    static MemorySegment allocate(long bytes, long alignment, Arena arena) {
        if (CALLS.isEmpty()) {
            return arena.allocate(bytes, alignment);
        }
        Calls calls = CALLS.get();
        long address = calls.map(bytes);
        if (address == FAILED) {
            throw new OutOfMemoryError("the system has no " + bytes + " bytes left");
        }
        return MemorySegment.ofAddress(address).reinterpret(bytes, arena, calls::unmap);
    }
}
