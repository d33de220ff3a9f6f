package dev.nereid.engine.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A C library whose functions return a status. A function that it lacks is no error until it is needed. */
@SuppressWarnings("restricted") // calling C is what it is for
final class CLibrary {
    /** The status that no library knows: it has no such function. */
    static final int MISSING = Integer.MIN_VALUE;

    private final SymbolLookup symbols;

    private CLibrary(SymbolLookup symbols) {
        this.symbols = symbols;
    }

    /** Opens a library for as long as the arena is open; empty when the system can't find or load it. */
    static Optional<CLibrary> open(String name, Arena arena) {
        try {
            return Optional.of(new CLibrary(SymbolLookup.libraryLookup(name, arena)));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    /** Returns a function that returns a status. */
    Function function(String name, MemoryLayout... parameters) {
        return new Function(name, find(name, FunctionDescriptor.of(ValueLayout.JAVA_INT, parameters)));
    }

    /** Returns a function that returns a text for a status. */
    Function text(String name) {
        return new Function(name,
                find(name, FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.JAVA_INT)));
    }

    private @Nullable MethodHandle find(String name, FunctionDescriptor descriptor) {
        return symbols.find(name).map(address -> Linker.nativeLinker().downcallHandle(address, descriptor))
                .orElse(null);
    }

    /** One function. Threads: any. */
    static final class Function {
        private final String name;
        private final @Nullable MethodHandle handle;

        private Function(String name, @Nullable MethodHandle handle) {
            this.name = name;
            this.handle = handle;
        }

        String name() {
            return name;
        }

        /** Calls it and returns its status; {@link #MISSING} when the library has no such function. */
        int call(Object... arguments) {
            MethodHandle present = handle;
            return present == null ? MISSING : (int) invoke(present, arguments);
        }

        /** Returns the library's text for a status. */
        Optional<String> textOf(int status) {
            MethodHandle present = handle;
            if (present == null) {
                return Optional.empty();
            }
            MemorySegment text = (MemorySegment) invoke(present, status);
            return text.address() == 0
                    ? Optional.empty()
                    : Optional.of(text.reinterpret(Short.MAX_VALUE).getString(0));
        }

        private Object invoke(MethodHandle present, Object... arguments) {
            try {
                return present.invokeWithArguments(arguments);
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new IllegalStateException(name, e);
            }
        }
    }
}
