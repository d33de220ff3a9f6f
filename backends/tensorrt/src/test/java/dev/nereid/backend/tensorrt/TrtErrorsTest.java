package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import org.junit.jupiter.api.Test;

final class TrtErrorsTest {
    private static final TensorRt.GpuDevice GPU = new TensorRt.GpuDevice(1, "NVIDIA H100", 9, 0);

    @Test
    void saysForWhichGpuAnEngineWasBuilt() {
        assertLoad(StatusCode.INVALID_ARG,
                "it was built for GPUs of compute capability 8.6, GPU 1 (NVIDIA H100) has 9.0; rebuild it with trtexec on"
                        + " such a GPU, or with --hardwareCompatibilityLevel=ampere+",
                "IRuntime::deserializeCudaEngine: Error Code 6: API Usage Error (The engine plan file is generated on an"
                        + " incompatible device, expecting compute 9.0 got compute 8.6, please rebuild. In parsePlan at"
                        + " /_src/runtime/dispatch/runtime.cpp:1)");
    }

    @Test
    void saysWhichVersionBuiltAnEngine() {
        assertLoad(StatusCode.INVALID_ARG,
                "it was built by TensorRT 8.5.3.1, this server has TensorRT 11.2.1.2; rebuild it with trtexec of that"
                        + " version",
                "6: The engine plan file is not compatible with this version of TensorRT, expecting library version"
                        + " 11.2.1.2 got 8.5.3.1, please rebuild.");
    }

    @Test
    void tellsOutOfMemoryApart() {
        assertLoad(StatusCode.UNAVAILABLE, "out of memory on GPU 1",
                "[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)");
        assertEquals(StatusCode.UNAVAILABLE, TrtErrors.refused("unable to create TensorRT context",
                "2: [executionContext.cpp::initialize::1] Error Code 2: OutOfMemory (no further information)").code());
    }

    @Test
    void saysHowToNameAPlugin() {
        assertLoad(StatusCode.INVALID_ARG,
                "API Usage Error (Cannot find plugin: MyPlugin, version: 1). It has layers of a"
                        + " plugin: name its library with --backend-config=tensorrt,plugins=<library>",
                "IPluginRegistry::getCreator: Error Code 4: API Usage Error (Cannot find plugin: MyPlugin, version: 1)");
    }

    @Test
    void keepsPlacesInSourcesToTheLog() {
        assertEquals("what: API Usage Error (something)", TrtErrors.refused("what",
                "f: Error Code 3: API Usage Error (something In checkIt at /_src/runtime/x.cpp:840)\nmore")
                .getMessage());
        assertEquals("what: Cuda Runtime (cudaError 36: API call is not supported)", TrtErrors.refused("what",
                "[checkMacros.cpp::catchCudaError::247] Error Code 1: Cuda Runtime (In catchCudaError at"
                        + " /_src/common/dispatch/checkMacros.cpp:247 (cudaError 36: API call is not supported))")
                .getMessage());
        assertEquals("what: unknown error", TrtErrors.refused("what", "").getMessage());
    }

    private static void assertLoad(StatusCode code, String message, String complaint) {
        InferenceException error = TrtErrors.load(complaint, GPU);
        assertEquals("unable to create TensorRT engine: " + message, error.getMessage());
        assertEquals(code, error.code());
    }
}
