package dev.nereid.engine.gpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** The functions of the CUDA driver's library that the server calls. */
@SuppressWarnings("restricted") // texts of the driver have no length
final class CudaLibrary {
    static final String NAME = "libcuda.so.1";
    /** Compute capability as {@code cuDeviceGetAttribute} numbers it. */
    static final int CAPABILITY_MAJOR = 75;
    static final int CAPABILITY_MINOR = 76;
    /** Page-locked for all contexts. */
    static final int HOST_ALLOC_PORTABLE = 1;
    /** Lets a GPU reach the memory of another one where it must. */
    static final int IPC_LAZY_PEER_ACCESS = 1;

    final CLibrary.Function init;
    final CLibrary.Function driverVersion;
    final CLibrary.Function deviceCount;
    final CLibrary.Function device;
    final CLibrary.Function deviceName;
    final CLibrary.Function deviceUuid;
    final CLibrary.Function deviceMemory;
    final CLibrary.Function deviceAttribute;
    final CLibrary.Function retainContext;
    final CLibrary.Function releaseContext;
    final CLibrary.Function setContext;
    final CLibrary.Function openIpc;
    final CLibrary.Function closeIpc;
    final CLibrary.Function addressRange;
    final CLibrary.Function copyToHost;
    final CLibrary.Function copyToDevice;
    final CLibrary.Function pin;
    final CLibrary.Function unpin;
    private final CLibrary.Function errorString;

    private CudaLibrary(CLibrary library) {
        MemoryLayout handle = MemoryLayout
                .structLayout(MemoryLayout.sequenceLayout(GpuDriver.IPC_HANDLE_SIZE, JAVA_BYTE));
        init = library.function("cuInit", JAVA_INT);
        driverVersion = library.function("cuDriverGetVersion", ADDRESS);
        deviceCount = library.function("cuDeviceGetCount", ADDRESS);
        device = library.function("cuDeviceGet", ADDRESS, JAVA_INT);
        deviceName = library.function("cuDeviceGetName", ADDRESS, JAVA_INT, JAVA_INT);
        deviceUuid = library.function("cuDeviceGetUuid_v2", ADDRESS, JAVA_INT);
        deviceMemory = library.function("cuDeviceTotalMem_v2", ADDRESS, JAVA_INT);
        deviceAttribute = library.function("cuDeviceGetAttribute", ADDRESS, JAVA_INT, JAVA_INT);
        retainContext = library.function("cuDevicePrimaryCtxRetain", ADDRESS, JAVA_INT);
        releaseContext = library.function("cuDevicePrimaryCtxRelease_v2", JAVA_INT);
        setContext = library.function("cuCtxSetCurrent", ADDRESS);
        openIpc = library.function("cuIpcOpenMemHandle_v2", ADDRESS, handle, JAVA_INT);
        closeIpc = library.function("cuIpcCloseMemHandle", JAVA_LONG);
        addressRange = library.function("cuMemGetAddressRange_v2", ADDRESS, ADDRESS, JAVA_LONG);
        copyToHost = library.function("cuMemcpyDtoH_v2", ADDRESS, JAVA_LONG, JAVA_LONG);
        copyToDevice = library.function("cuMemcpyHtoD_v2", JAVA_LONG, ADDRESS, JAVA_LONG);
        pin = library.function("cuMemHostAlloc", ADDRESS, JAVA_LONG, JAVA_INT);
        unpin = library.function("cuMemFreeHost", ADDRESS);
        errorString = library.function("cuGetErrorString", JAVA_INT, ADDRESS);
    }

    static Optional<CudaLibrary> open(String name, Arena arena) {
        return CLibrary.open(name, arena).map(CudaLibrary::new);
    }

    /** Throws what a status says, unless it is success. */
    void check(CLibrary.Function function, int status) throws GpuException {
        if (status != 0) {
            throw new GpuException(text(function, status));
        }
    }

    private String text(CLibrary.Function function, int status) {
        if (status == CLibrary.MISSING) {
            return "the driver has no function " + function.name();
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(ADDRESS);
            if (errorString.call(status, text) == 0 && text.get(ADDRESS, 0).address() != 0) {
                return text.get(ADDRESS, 0).reinterpret(Short.MAX_VALUE).getString(0);
            }
        }
        return "error " + status + " of " + function.name();
    }
}
