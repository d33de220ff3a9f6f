package dev.nereid.distribution;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.Base64;
import org.junit.jupiter.api.Assumptions;

/**
 * GPU 0 as a client of the server uses it, through the driver alone: memory that another process may open, and how much
 * is free. Used by the thread that opened it.
 */
@SuppressWarnings("restricted")
final class ClientGpu implements AutoCloseable {
    private static final int IPC_HANDLE_SIZE = 64;

    private final Arena arena;
    private final SymbolLookup library;
    private final int device;

    private ClientGpu(Arena arena, SymbolLookup library, int device) {
        this.arena = arena;
        this.library = library;
        this.device = device;
    }

    /** Skips the tests where there is no GPU, and says why. */
    static void require() {
        open().close();
    }

    /** Aborts the test, and says why where people see it: the report of a build only counts. */
    static void skip(String why) {
        System.out.println("skipped: " + why);
        Assumptions.abort(why);
    }

    /** Opens the GPU; aborts the test where there is none. */
    @SuppressWarnings("MustBeClosedChecker") // the arena is closed with the GPU
    static ClientGpu open() {
        Arena arena = Arena.ofConfined();
        try {
            SymbolLookup library = SymbolLookup.libraryLookup("libcuda.so.1", arena);
            int status = call(library, "cuInit", 0);
            if (status != 0) {
                skip("no GPU: the driver's cuInit says " + status);
            }
            MemorySegment count = arena.allocate(JAVA_INT);
            check(library, "cuDeviceGetCount", count);
            if (count.get(JAVA_INT, 0) == 0) {
                skip("no GPU: the driver shows none");
            }
            MemorySegment device = arena.allocate(JAVA_INT);
            check(library, "cuDeviceGet", device, 0);
            MemorySegment context = arena.allocate(ADDRESS);
            check(library, "cuDevicePrimaryCtxRetain", context, device.get(JAVA_INT, 0));
            check(library, "cuCtxSetCurrent", context.get(ADDRESS, 0));
            return new ClientGpu(arena, library, device.get(JAVA_INT, 0));
        } catch (IllegalArgumentException e) {
            arena.close();
            skip("no GPU: there is no NVIDIA driver");
            throw e;
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /** Calls a function of the driver with arguments of 4 bytes, 8 bytes, or addresses. */
    private static int call(SymbolLookup library, String function, Object... arguments) {
        MemoryLayout[] layouts = new MemoryLayout[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            layouts[i] = arguments[i] instanceof Integer
                    ? JAVA_INT
                    : arguments[i] instanceof Long ? JAVA_LONG : ADDRESS;
        }
        try {
            return (int) Linker.nativeLinker()
                    .downcallHandle(library.find(function).orElseThrow(), FunctionDescriptor.of(JAVA_INT, layouts))
                    .invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new IllegalStateException("the driver's function " + function + " can't be called", e);
        }
    }

    private static void check(SymbolLookup library, String function, Object... arguments) {
        int status = call(library, function, arguments);
        if (status != 0) {
            throw new IllegalStateException("error " + status + " of " + function);
        }
    }

    /** Returns the bytes of the GPU's memory that no process uses. */
    long freeBytes() {
        MemorySegment free = arena.allocate(JAVA_LONG);
        check(library, "cuMemGetInfo_v2", free, arena.allocate(JAVA_LONG));
        return free.get(JAVA_LONG, 0);
    }

    /** Allocates memory. */
    Memory allocate(long byteSize) {
        MemorySegment address = arena.allocate(JAVA_LONG);
        check(library, "cuMemAlloc_v2", address, byteSize);
        return new Memory(address.get(JAVA_LONG, 0));
    }

    /** Memory of the GPU. */
    final class Memory implements AutoCloseable {
        private final long address;

        Memory(long address) {
            this.address = address;
        }

        /** Returns what another process opens the memory with, as Base64. */
        String handle() {
            MemorySegment handle = arena.allocate(IPC_HANDLE_SIZE);
            check(library, "cuIpcGetMemHandle", handle, address);
            return Base64.getEncoder().encodeToString(handle.toArray(ValueLayout.JAVA_BYTE));
        }

        /** Writes numbers at an offset in bytes. */
        void write(long offset, float... values) {
            MemorySegment source = arena.allocateFrom(JAVA_FLOAT, values);
            check(library, "cuMemcpyHtoD_v2", address + offset, source, source.byteSize());
        }

        /** Reads numbers at an offset in bytes. */
        float[] read(long offset, int count) {
            MemorySegment target = arena.allocate(JAVA_FLOAT, count);
            check(library, "cuMemcpyDtoH_v2", target, address + offset, target.byteSize());
            return target.toArray(JAVA_FLOAT);
        }

        @Override
        public void close() {
            check(library, "cuMemFree_v2", address);
        }
    }

    @Override
    public void close() {
        try {
            check(library, "cuDevicePrimaryCtxRelease_v2", device);
        } finally {
            arena.close();
        }
    }
}
