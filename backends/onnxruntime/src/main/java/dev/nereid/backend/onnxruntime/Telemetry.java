package dev.nereid.backend.onnxruntime;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Keeps ONNX Runtime from reporting its use to its maker. Left alone it writes an id of the machine and a data base of
 * events below the home directory while it is being loaded, long before the function of its interface that turns reports
 * off can be called; only a variable of the process's environment is heard early enough.
 */
@SuppressWarnings("restricted") // calling native code is what this package is for
final class Telemetry {
    private static final Logger LOGGER = System.getLogger(Telemetry.class.getName());
    private static final String VARIABLE = "ORT_DISABLE_TELEMETRY";
    private static final String OFF = "1";

    private Telemetry() {
    }

    /** Turns reports off, for the process; must come before the library is loaded. */
    static void turnOff() {
        if (OFF.equals(System.getenv(VARIABLE))) {
            // The launcher has done so, before there were other threads.
            return;
        }
        Optional<MethodHandle> set = function("setenv", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, JAVA_INT));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocateFrom(VARIABLE);
            MemorySegment value = arena.allocateFrom(OFF);
            if (set.isEmpty() || (int) set.get().invokeExact(name, value, 1) != 0) {
                LOGGER.log(Level.WARNING, "ONNX Runtime may report its use to its maker: " + VARIABLE
                        + " can't be set here; set it to " + OFF + " before the start");
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private static Optional<MethodHandle> function(String name, FunctionDescriptor type) {
        Linker linker = Linker.nativeLinker();
        return linker.defaultLookup().find(name).map(address -> linker.downcallHandle(address, type));
    }
}
