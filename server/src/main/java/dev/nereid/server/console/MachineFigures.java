package dev.nereid.server.console;

import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.gpu.GpuUse;
import dev.nereid.engine.model.Engine;
import dev.nereid.json.JsonWriter;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryUsage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/** What the process takes of the machine. For one thread. */
final class MachineFigures {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final String RESIDENT = "VmRSS:";

    private final Engine engine;

    MachineFigures(Engine engine) {
        this.engine = engine;
    }

    byte[] json() {
        JsonWriter json = new JsonWriter().beginObject();
        if (ManagementFactory.getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean system) {
            json.name("cores").integer(system.getAvailableProcessors());
            share(json, "processCpu", system.getProcessCpuLoad());
            share(json, "systemCpu", system.getCpuLoad());
            json.name("memoryTotal").integer(system.getTotalMemorySize());
        }
        MemoryUsage heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage();
        json.name("heapUsed").integer(heap.getUsed()).name("heapMax").integer(heap.getMax());
        OptionalLong resident = resident();
        if (resident.isPresent()) {
            json.name("resident").integer(resident.getAsLong());
        }
        json.name("inFlight").integer(engine.buffers().inUseBytes());
        json.name("pooled").integer(engine.buffers().freeBytes());
        json.name("threads").integer(ManagementFactory.getThreadMXBean().getThreadCount());
        gpus(json);
        return json.endObject().toByteArray();
    }

    /** The JVM answers a negative number while it does not know. */
    private static void share(JsonWriter json, String name, double value) {
        if (value >= 0) {
            json.name(name).number(value);
        }
    }

    private static OptionalLong resident() {
        try {
            for (String line : Files.readAllLines(STATUS)) {
                if (line.startsWith(RESIDENT)) {
                    return OptionalLong.of(
                            Long.parseLong(line.substring(RESIDENT.length()).replace("kB", "").strip()) * 1024);
                }
            }
        } catch (IOException | NumberFormatException e) {
            // Another system than Linux: it isn't shown.
        }
        return OptionalLong.empty();
    }

    private void gpus(JsonWriter json) {
        GpuDriver driver = engine.gpus().driver();
        List<Integer> used = engine.gpus().devices().usableGpus();
        json.name("gpus").beginArray();
        driver.gpus().stream().filter(gpu -> used.contains(gpu.id())).forEach(gpu -> {
            GpuUse use = driver.report().hasManagement() ? driver.use(gpu) : GpuUse.UNKNOWN;
            json.beginObject().name("id").integer(gpu.id()).name("name").string(gpu.name());
            number(json, "busy", use.utilization());
            number(json, "memoryUsed", use.memoryUsedBytes());
            number(json, "memoryTotal", use.memoryTotalBytes());
            number(json, "watts", use.powerWatts());
            json.endObject();
        });
        json.endArray();
    }

    private static void number(JsonWriter json, String name, OptionalDouble value) {
        if (value.isPresent()) {
            json.name(name).number(value.getAsDouble());
        }
    }
}
