package dev.nereid.server.metrics;

import dev.nereid.engine.gpu.Gpu;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.gpu.GpuUse;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Samples what the GPUs are doing. One thread. */
public final class GpuSampler implements AutoCloseable {
    private final GpuDriver driver;
    private final List<Gpu> gpus;
    private final Map<Gpu, Double> energyAtStart = new LinkedHashMap<>();
    private final ScheduledExecutorService timer;
    private volatile List<Sample> latest = List.of();

    /**
     * What was seen.
     *
     * @param uuid the GPU's identity
     * @param use what it was doing; the energy is that since the sampler started
     */
    public record Sample(String uuid, GpuUse use) {
    }

    private GpuSampler(GpuDriver driver, List<Gpu> gpus) {
        this.driver = driver;
        this.gpus = List.copyOf(gpus);
        this.timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("nereid-gpu-sampler").daemon(true).factory());
    }

    /** Starts sampling. */
    public static GpuSampler start(GpuDriver driver, List<Gpu> gpus, Duration interval) {
        GpuSampler sampler = new GpuSampler(driver, gpus);
        sampler.sample();
        var _ = sampler.timer.scheduleAtFixedRate(sampler::sample, interval.toMillis(), interval.toMillis(),
                TimeUnit.MILLISECONDS);
        return sampler;
    }

    /** Returns the latest sample of each GPU. */
    public List<Sample> latest() {
        return latest;
    }

    void sample() {
        latest = gpus.stream().map(gpu -> new Sample(gpu.uuid(), sinceStart(gpu, driver.use(gpu)))).toList();
    }

    private GpuUse sinceStart(Gpu gpu, GpuUse use) {
        if (use.energyJoules().isEmpty()) {
            return use;
        }
        double now = use.energyJoules().getAsDouble();
        double start = energyAtStart.computeIfAbsent(gpu, ignored -> now);
        return new GpuUse(use.utilization(), use.memoryTotalBytes(), use.memoryUsedBytes(), use.powerWatts(),
                use.powerLimitWatts(), OptionalDouble.of(now - start));
    }

    /** Stops; the driver is asked nothing afterwards. */
    @Override
    public void close() {
        timer.close();
    }
}
