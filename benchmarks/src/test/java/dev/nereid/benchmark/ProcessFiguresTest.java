package dev.nereid.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

final class ProcessFiguresTest {
    @Test
    void readsProcessorTimeBehindAnyName() {
        assertEquals(1.75, ProcessFigures.cpuSeconds(
                "17 (a (b) c) S 1 17 17 0 -1 4194560 9 0 0 0 150 25 0 0 20 0 1 0 100 2 3"), 1e-9);
    }

    @Test
    void readsMemoryAndThreadsOfAStatus() {
        String status = """
                Name:\tjava
                VmHWM:\t  400000 kB
                VmRSS:\t  204800 kB
                Threads:\t1039
                """;

        assertEquals(200, ProcessFigures.residentMib(status), 1e-9);
        assertEquals(1039, ProcessFigures.threads(status));
    }

    @Test
    void readsTheSizeOfAHeap() {
        assertEquals(Optional.of(new ProcessFigures.HeapSize(28, 19)), ProcessFigures.heapSize(
                """
                        3607:
                        garbage-first heap   total reserved 6172672K, committed 28672K, used 19456K [0x0000000687400000, 0x0000000800000000)
                         region size 4096K, 3 young (12288K), 1 survivors (4096K)
                        """));
        assertEquals(Optional.empty(), ProcessFigures.heapSize(
                "def new generation   total 9216K, used 1000K [0x00000000fec00000, 0x00000000ff600000)"));
    }

    @Test
    void countsOpenFiles() throws Exception {
        ProcessFigures self = new ProcessFigures(new Children(), ProcessHandle.current().pid());
        int before = self.openFiles();

        try (InputStream first = Files.newInputStream(Path.of("/proc/self/status"));
                InputStream second = Files.newInputStream(Path.of("/proc/self/status"))) {
            assertTrue(self.openFiles() >= before + 2, () -> first + " and " + second);
        }
        assertTrue(self.threads() > 1);
    }

    @Test
    void readsWhatThreadsAllocated() {
        String dump = """
                2026-01-01 00:00:00
                "main" #3 [21044] prio=5 os_prio=0 cpu=715.50ms elapsed=18.98s allocated=2K defined_classes=1 tid=0x1 nid=2
                   java.lang.Thread.State: RUNNABLE
                "a "quoted" #9" #31 [21093] daemon prio=5 os_prio=0 cpu=1ms elapsed=15.82s allocated=3M defined_classes=0 tid
                "idle" #32 [21095] daemon prio=5 cpu=0.16ms elapsed=15.26s allocated=64B defined_classes=0 tid=0x00
                "GC Thread#0" os_prio=0 cpu=21.83ms elapsed=12.99s tid=0x00007fe964058c00 nid=21045 runnable
                """;

        assertEquals(Map.of("3", 2048.0, "31", 3.0 * 1024 * 1024, "32", 64.0), ProcessFigures.allocatedBytes(dump));
    }

    @Test
    void countsThreadsThatCameInBetween() {
        assertEquals(OptionalDouble.of(40e6), ProcessFigures.allocated(Map.of("1", 10e6, "gone", 5e6),
                Map.of("1", 20e6, "2", 30e6)));
    }

    @Test
    void doesNotGuessWhereTooLittleWasAllocated() {
        assertTrue(ProcessFigures.allocated(Map.of("1", 10e6), Map.of("1", 11e6)).isEmpty());
    }

    @Test
    void sumsWhatOfARangeIsInMemory() {
        Stream<String> smaps = """
                00001000-00002000 rw-p 00000000 00:00 0
                Rss:                   1 kB
                686800000-688400000 rw-p 00000000 00:00 0
                Size:              28672 kB
                Rss:                  20 kB
                688400000-800000000 ---p 00000000 00:00 0
                Rss:                   3 kB
                800000000-800001000 rw-p 00000000 00:00 0 [x]
                Rss:                 400 kB
                """.lines();

        assertEquals(23, ProcessFigures.residentKib(smaps, 0x686800000L, 0x800000000L));
    }
}
