package dev.nereid.server.metrics;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Samples processor and memory use of the machine from {@code /proc}. One thread. */
public final class CpuSampler implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(CpuSampler.class.getName());

    private final Path stat;
    private final Path memory;
    private final ScheduledExecutorService timer;
    private long lastBusy;
    private long lastTotal;
    private volatile Sample latest = new Sample(0, 0, 0);

    /**
     * What was seen.
     *
     * @param utilization share of all cores that was busy since the sample before, 0 to 1
     * @param memoryTotalBytes the machine's memory
     * @param memoryUsedBytes what of it is not available
     */
    public record Sample(double utilization, double memoryTotalBytes, double memoryUsedBytes) {
    }

    private CpuSampler(Path proc) {
        this.stat = proc.resolve("stat");
        this.memory = proc.resolve("meminfo");
        this.timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("nereid-cpu-sampler").daemon(true).factory());
    }

    /** Starts sampling. */
    public static CpuSampler start(Path proc, Duration interval) {
        CpuSampler sampler = new CpuSampler(proc);
        sampler.sample();
        // Never fails: sample() logs what it can't read.
        var _ = sampler.timer.scheduleAtFixedRate(sampler::sample, interval.toMillis(), interval.toMillis(),
                TimeUnit.MILLISECONDS);
        return sampler;
    }

    /** Returns the latest sample. */
    public Sample latest() {
        return latest;
    }

    void sample() {
        try {
            latest = new Sample(utilization(), meminfo("MemTotal:"), meminfo("MemTotal:") - meminfo("MemAvailable:"));
        } catch (IOException | NumberFormatException e) {
            LOGGER.log(Level.DEBUG, () -> "CPU metrics can't be read: " + e.getMessage());
        }
    }

    private double utilization() throws IOException {
        try (var lines = Files.lines(stat)) {
            String[] parts = lines.findFirst().orElse("").trim().split("\\s+", -1);
            if (parts.length < 9) {
                return 0;
            }
            // user nice system idle iowait irq softirq steal
            long[] times = new long[8];
            for (int i = 0; i < times.length; i++) {
                times[i] = Long.parseLong(parts[i + 1]);
            }
            long idle = times[3] + times[4];
            long busy = times[0] + times[1] + times[2] + times[5] + times[6] + times[7];
            long busyDelta = busy - lastBusy;
            long totalDelta = busy + idle - lastTotal;
            boolean isFirst = lastTotal == 0;
            lastBusy = busy;
            lastTotal = busy + idle;
            return isFirst || totalDelta <= 0 ? 0 : (double) busyDelta / totalDelta;
        }
    }

    private double meminfo(String key) throws IOException {
        List<String> lines = Files.readAllLines(memory);
        for (String line : lines) {
            if (line.startsWith(key)) {
                return Long.parseLong(line.substring(key.length()).replace("kB", "").trim()) * 1024.0;
            }
        }
        return 0;
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }
}
