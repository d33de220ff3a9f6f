package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Loads the vendor's TensorRT as far as it goes without a driver: {@code ./mvnw -Ptensorrt-redist test}. */
final class RealLibraryTest {
    private static final TrtSettings SETTINGS = TrtSettings.parse(Map.of());

    @BeforeAll
    static void needsTheLibrary() {
        Assumptions.assumeTrue(TrtLibraries.class
                .getResource("/org/bytedeco/tensorrt/" + Loader.getPlatform() + "/libnvinfer.so.11") != null,
                "the vendor's libraries are not there; -Ptensorrt-redist brings them");
    }

    @Test
    void findsTheVersionThatTheBindingsAreFor() {
        assertEquals(TrtVersion.BINDINGS, TrtLibraries.find(SETTINGS).version().orElseThrow());
        assertTrue(TrtLibraries.find(SETTINGS).hasPlugins());
    }

    @Test
    void refusesToRunWithoutADriver() {
        Assumptions.assumeFalse(DynamicLinker.open("libcuda.so.1").isOpen(), "there is a driver");

        var failure = assertThrows(InferenceException.class, () -> TrtLibraries.find(SETTINGS).require());

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertTrue(failure.getMessage().startsWith(
                "TensorRT can't run on this machine: the NVIDIA driver was not found (libcuda.so.1); "),
                failure.getMessage());
    }

    /**
     * The bindings need the driver's library to be loaded at all, so this goes past them: a logger made by hand, and
     * the function that their {@code createInferRuntime} calls.
     */
    @Test
    void turnsTensorRtsOwnRefusalIntoAnError() {
        Assumptions.assumeFalse(DynamicLinker.open("libcuda.so.1").isOpen(), "there is a driver");
        TrtLibraries.find(SETTINGS);
        List<String> complaints = new ArrayList<>();
        try (Arena arena = Arena.ofShared()) {
            MemorySegment logger = new HandMadeLogger(complaints).create(arena);
            assertTrue(NativeTensorRt.isNothing(new AddressPointer().at(createRuntime(logger))));
        }
        InferenceException error = TrtErrors.refused("unable to create TensorRT runtime", complaints.getFirst());
        assertEquals(StatusCode.UNAVAILABLE, error.code());
        assertEquals("unable to create TensorRT runtime: there is no NVIDIA driver, or it is older than CUDA 13 needs;"
                + " install version 580 or newer", error.getMessage());
    }

    @SuppressWarnings("restricted")
    private static long createRuntime(MemorySegment logger) {
        MemorySegment function = DynamicLinker.open("libnvinfer.so.11").symbol("createInferRuntime_INTERNAL");
        int version = (TrtVersion.BINDINGS.major() * 100 + TrtVersion.BINDINGS.minor()) * 100
                + TrtVersion.BINDINGS.patch();
        try {
            return (long) Linker.nativeLinker().downcallHandle(function,
                    FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.JAVA_INT))
                    .invokeExact(logger, version);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Keeps what TensorRT says that is an error. */
    private record HandMadeLogger(List<String> complaints) {
        private static final int ERROR = 1;

        MemorySegment create(Arena arena) {
            return NativeInterface.create("ILogger",
                    List.of(NativeInterface.function(MethodHandles.lookup(), this, "log",
                            FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.JAVA_INT, ValueLayout.ADDRESS))),
                    arena);
        }

        @SuppressWarnings({"restricted", "UnusedMethod"}) // called by the library
        void log(MemorySegment ignored, int severity, MemorySegment text) {
            if (severity <= ERROR) {
                complaints.add(text.reinterpret(Long.MAX_VALUE).getString(0));
            }
        }
    }
}
