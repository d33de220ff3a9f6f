package dev.nereid.engine.gpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.OptionalDouble;

/** The driver's library that tells how busy GPUs are (NVML). Opened once, before it is asked. */
final class ManagementLibrary implements AutoCloseable {
    static final String NAME = "libnvidia-ml.so.1";
    private static final int TEXT_SIZE = 96;

    private final CLibrary.Function shutdown;
    private final CLibrary.Function handleByUuid;
    private final CLibrary.Function utilization;
    private final CLibrary.Function memory;
    private final CLibrary.Function power;
    private final CLibrary.Function powerLimit;
    private final CLibrary.Function energy;
    private final String driverVersion;

    private ManagementLibrary(CLibrary library) {
        shutdown = library.function("nvmlShutdown");
        handleByUuid = library.function("nvmlDeviceGetHandleByUUID", ADDRESS, ADDRESS);
        utilization = library.function("nvmlDeviceGetUtilizationRates", ADDRESS, ADDRESS);
        memory = library.function("nvmlDeviceGetMemoryInfo", ADDRESS, ADDRESS);
        power = library.function("nvmlDeviceGetPowerUsage", ADDRESS, ADDRESS);
        powerLimit = library.function("nvmlDeviceGetPowerManagementLimit", ADDRESS, ADDRESS);
        energy = library.function("nvmlDeviceGetTotalEnergyConsumption", ADDRESS, ADDRESS);
        CLibrary.Function version = library.function("nvmlSystemGetDriverVersion", ADDRESS, JAVA_INT);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(TEXT_SIZE);
            driverVersion = version.call(text, TEXT_SIZE) == 0 ? text.getString(0) : "unknown";
        }
    }

    /**
     * Opens it.
     *
     * @throws GpuException when it is not there, or says that it can't work
     */
    static ManagementLibrary open(String name, Arena arena) throws GpuException {
        Optional<CLibrary> library = CLibrary.open(name, arena);
        if (library.isEmpty()) {
            throw new GpuException(name + " is not installed");
        }
        CLibrary.Function init = library.get().function("nvmlInit_v2");
        int status = init.call();
        if (status == CLibrary.MISSING) {
            throw new GpuException(name + " has no function " + init.name());
        }
        if (status != 0) {
            throw new GpuException(library.get().text("nvmlErrorString").textOf(status)
                    .orElse("error " + status + " of " + init.name()));
        }
        return new ManagementLibrary(library.get());
    }

    String driverVersion() {
        return driverVersion;
    }

    /** Returns whether a GPU, or a part of one, has that identity. */
    boolean knows(String uuid) {
        try (Arena arena = Arena.ofConfined()) {
            return handleByUuid.call(arena.allocateFrom(uuid), arena.allocate(ADDRESS)) == 0;
        }
    }

    GpuUse use(Gpu gpu) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment place = arena.allocate(ADDRESS);
            if (handleByUuid.call(arena.allocateFrom(gpu.uuid()), place) != 0) {
                return GpuUse.UNKNOWN;
            }
            MemorySegment device = place.get(ADDRESS, 0);
            // nvmlUtilization_t: busy and memory-busy, in percent. nvmlMemory_t: total, free and used bytes.
            MemorySegment rates = arena.allocate(JAVA_INT, 2);
            MemorySegment bytes = arena.allocate(JAVA_LONG, 3);
            MemorySegment joules = arena.allocate(JAVA_LONG);
            boolean hasMemory = memory.call(device, bytes) == 0;
            return new GpuUse(
                    given(utilization.call(device, rates) == 0, rates.get(JAVA_INT, 0) / 100.0),
                    given(hasMemory, (double) bytes.getAtIndex(JAVA_LONG, 0)),
                    given(hasMemory, (double) bytes.getAtIndex(JAVA_LONG, 2)), milli(power, device, arena),
                    milli(powerLimit, device, arena),
                    given(energy.call(device, joules) == 0, joules.get(JAVA_LONG, 0) / 1000.0));
        }
    }

    private static OptionalDouble given(boolean isGiven, double value) {
        return isGiven ? OptionalDouble.of(value) : OptionalDouble.empty();
    }

    private static OptionalDouble milli(CLibrary.Function function, MemorySegment device, Arena arena) {
        MemorySegment value = arena.allocate(JAVA_INT);
        return given(function.call(device, value) == 0, Integer.toUnsignedLong(value.get(JAVA_INT, 0)) / 1000.0);
    }

    @Override
    public void close() {
        int _ = shutdown.call();
    }
}
