package dev.nereid.backend.tensorrt;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.OptionalInt;

/**
 * Opens native libraries by the name that other libraries ask for, so that those find them loaded. They stay until the
 * process ends.
 */
@SuppressWarnings("restricted")
final class DynamicLinker {
    private static final int RTLD_NOW = 2;
    private static final Linker LINKER = Linker.nativeLinker();
    private static final MethodHandle DLOPEN = function("dlopen",
            FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.JAVA_INT));
    private static final MethodHandle DLSYM = function("dlsym",
            FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS, ValueLayout.ADDRESS));
    private static final MethodHandle DLERROR = function("dlerror", FunctionDescriptor.of(ValueLayout.ADDRESS));

    private DynamicLinker() {
    }

    /**
     * An opened library, or why it could not be opened.
     *
     * @param handle what the linker calls it; null where it could not be opened
     * @param error what the linker says; empty where it was opened
     */
    record Opened(MemorySegment handle, String error) {
        boolean isOpen() {
            return handle.address() != 0;
        }

        /** Calls a function that returns a number and takes nothing. */
        OptionalInt callInt(String name) {
            MemorySegment symbol = symbol(name);
            if (symbol.address() == 0) {
                return OptionalInt.empty();
            }
            try {
                return OptionalInt.of((int) LINKER
                        .downcallHandle(symbol, FunctionDescriptor.of(ValueLayout.JAVA_INT)).invokeExact());
            } catch (Throwable e) {
                throw new IllegalStateException(name + " failed", e);
            }
        }

        /** Calls a function that stores a number and returns 0 for success. */
        OptionalInt readInt(String name) {
            MemorySegment symbol = symbol(name);
            if (symbol.address() == 0) {
                return OptionalInt.empty();
            }
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment value = arena.allocate(ValueLayout.JAVA_INT);
                int status = (int) LINKER.downcallHandle(symbol,
                        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS)).invokeExact(value);
                return status == 0 ? OptionalInt.of(value.get(ValueLayout.JAVA_INT, 0)) : OptionalInt.empty();
            } catch (Throwable e) {
                throw new IllegalStateException(name + " failed", e);
            }
        }

        /** Returns where a function begins; null where there is none. */
        MemorySegment symbol(String name) {
            try (Arena arena = Arena.ofConfined()) {
                return (MemorySegment) DLSYM.invokeExact(handle, arena.allocateFrom(name));
            } catch (Throwable e) {
                throw new IllegalStateException("dlsym failed", e);
            }
        }
    }

    /** Opens a library: a path, or a name that the system's linker searches for. */
    static Opened open(String file) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment handle = (MemorySegment) DLOPEN.invokeExact(arena.allocateFrom(file), RTLD_NOW);
            if (handle.address() != 0) {
                return new Opened(handle, "");
            }
            MemorySegment error = (MemorySegment) DLERROR.invokeExact();
            return new Opened(MemorySegment.NULL, error.address() == 0
                    ? "can't be opened"
                    : error.reinterpret(Long.MAX_VALUE).getString(0));
        } catch (Throwable e) {
            throw new IllegalStateException("dlopen failed", e);
        }
    }

    private static MethodHandle function(String name, FunctionDescriptor type) {
        return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type);
    }
}
