package dev.nereid.server.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CpuSamplerTest {
    @TempDir
    private Path proc;

    private void write(String name, String content) throws IOException {
        Path _ = Files.writeString(proc.resolve(name), content);
    }

    @Test
    void tellsTheShareOfTimeThatWasNotIdle() throws IOException {
        write("stat", "cpu  100 10 20 1000 50 3 4 5 0 0\n");
        write("meminfo", "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\n");
        try (CpuSampler sampler = CpuSampler.start(proc, Duration.ofHours(1))) {
            assertEquals(0, sampler.latest().utilization());
            assertEquals(1_024_000, sampler.latest().memoryTotalBytes());
            assertEquals(614_400, sampler.latest().memoryUsedBytes());

            // 10 user, 20 nice, 30 system, 100 idle, 40 waiting, 5 irq, 6 softirq, 9 stolen: 80 of 220.
            write("stat", "cpu  110 30 50 1100 90 8 10 14 0 0\n");
            sampler.sample();
            assertEquals(80.0 / 220, sampler.latest().utilization(), 1e-9);
        }
    }
}
