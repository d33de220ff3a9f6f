package dev.nereid.benchmark;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Figures of a process as seen from outside: from {@code /proc}, and for a JVM from {@code jcmd}, which makes it stop for
 * some milliseconds and so is asked between turns only.
 */
final class ProcessFigures {
    /** What the kernel counts processor time in. */
    private static final double TICKS_PER_SECOND = 100;
    private static final Pattern HEAP = Pattern
            .compile("total(?: reserved)? (\\d+)K.*?used (\\d+)K.*?\\[0x([0-9a-f]+), 0x([0-9a-f]+)\\)", Pattern.DOTALL);
    private static final Pattern COMMITTED = Pattern.compile("committed (\\d+)K, used (\\d+)K");
    private static final Pattern THREAD = Pattern.compile("^\"(.*)\" #(\\d+).* allocated=([0-9.]+)([BKMGT])");
    private static final Pattern MAPPING = Pattern.compile("^([0-9a-f]+)-([0-9a-f]+) .*");

    private final Children children;
    private final long pid;

    ProcessFigures(Children children, long pid) {
        this.children = children;
        this.pid = pid;
    }

    /**
     * A heap.
     *
     * @param usedMib what objects take, garbage that was not collected yet included
     * @param residentMib what of it is in memory
     */
    record Heap(double usedMib, double residentMib) {
    }

    /**
     * The size of a heap.
     *
     * @param committedMib what the JVM has taken for it from the system
     * @param usedMib what objects take, garbage that was not collected yet included
     */
    record HeapSize(double committedMib, double usedMib) {
    }

    /** Returns the seconds of processor time that it has used. */
    double cpuSeconds() {
        return cpuSeconds(read("stat"));
    }

    static double cpuSeconds(String stat) {
        // The name of the program, in parentheses, may hold anything.
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS_PER_SECOND;
    }

    /** Returns the MiB of memory that it takes. */
    double residentMib() {
        return residentMib(read("status"));
    }

    static double residentMib(String status) {
        return number(status, "VmRSS:") / 1024.0;
    }

    /** Returns how many threads it has. */
    int threads() {
        return threads(read("status"));
    }

    static int threads(String status) {
        return Math.toIntExact(number(status, "Threads:"));
    }

    /** Returns the number in the line of a status that begins like that; 0 without such a line. */
    private static long number(String status, String name) {
        return status.lines().filter(line -> line.startsWith(name))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", ""))).findFirst().orElse(0);
    }

    /** Returns how many files and sockets it has open. */
    int openFiles() {
        try (Stream<Path> files = Files.list(Path.of("/proc", Long.toString(pid), "fd"))) {
            return Math.toIntExact(files.count());
        } catch (IOException e) {
            throw new BenchException("the open files of process " + pid + " can't be counted: " + e.getMessage(), e);
        }
    }

    private String read(String file) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), file));
        } catch (IOException e) {
            throw new BenchException("the figures of process " + pid + " can't be read: " + e.getMessage(), e);
        }
    }

    /** Returns the heap's share of the memory; nothing where the JVM does not say where its heap lies. */
    Optional<Heap> heap() {
        Matcher matcher = HEAP.matcher(jcmd("GC.heap_info"));
        if (!matcher.find()) {
            return Optional.empty();
        }
        long begin = Long.parseUnsignedLong(matcher.group(3), 16);
        long end = Long.parseUnsignedLong(matcher.group(4), 16);
        try (BufferedReader smaps = Files.newBufferedReader(Path.of("/proc", Long.toString(pid), "smaps"),
                StandardCharsets.UTF_8)) {
            return Optional.of(new Heap(Long.parseLong(matcher.group(2)) / 1024.0,
                    residentKib(smaps.lines(), begin, end) / 1024.0));
        } catch (IOException e) {
            throw new BenchException("the memory map of process " + pid + " can't be read: " + e.getMessage(), e);
        }
    }

    /** Returns the size of the heap; nothing where the JVM's collector does not tell it in one line, as G1 does. */
    Optional<HeapSize> heapSize() {
        return heapSize(jcmd("GC.heap_info"));
    }

    static Optional<HeapSize> heapSize(String heapInfo) {
        Matcher matcher = COMMITTED.matcher(heapInfo);
        return matcher.find()
                ? Optional.of(new HeapSize(Long.parseLong(matcher.group(1)) / 1024.0,
                        Long.parseLong(matcher.group(2)) / 1024.0))
                : Optional.empty();
    }

    /** Returns the KiB in memory of the mappings that begin in a range of addresses. */
    static long residentKib(Stream<String> smaps, long begin, long end) {
        long[] sum = {0};
        boolean[] isInside = {false};
        smaps.forEach(line -> {
            Matcher mapping = MAPPING.matcher(line);
            if (mapping.matches()) {
                long start = Long.parseUnsignedLong(mapping.group(1), 16);
                isInside[0] = Long.compareUnsigned(start, begin) >= 0 && Long.compareUnsigned(start, end) < 0;
            } else if (isInside[0] && line.startsWith("Rss:")) {
                sum[0] += Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        });
        return sum[0];
    }

    /** Returns the bytes of heap that each thread of the JVM has allocated so far; virtual threads count for what carries them. */
    Map<String, Double> allocatedBytes() {
        return allocatedBytes(jcmd("Thread.print", "-e"));
    }

    static Map<String, Double> allocatedBytes(String threadDump) {
        Map<String, Double> bytes = new HashMap<>();
        threadDump.lines().forEach(line -> {
            Matcher matcher = THREAD.matcher(line);
            if (matcher.find()) {
                double unit = Math.pow(1024, "BKMGT".indexOf(matcher.group(4)));
                bytes.put(matcher.group(2), Double.parseDouble(matcher.group(3)) * unit);
            }
        });
        return bytes;
    }

    /** Returns the bytes that were allocated between two looks; nothing where the figures are too coarse to tell. */
    static OptionalDouble allocated(Map<String, Double> before, Map<String, Double> after) {
        double sum = 0;
        for (Map.Entry<String, Double> thread : after.entrySet()) {
            sum += Math.max(0, thread.getValue() - before.getOrDefault(thread.getKey(), 0.0));
        }
        // Large sums are printed in whole units of 1 MiB.
        return sum < 20 << 20 ? OptionalDouble.empty() : OptionalDouble.of(sum);
    }

    private String jcmd(String... command) {
        List<String> line = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(),
                Long.toString(pid)));
        line.addAll(List.of(command));
        try {
            Process process = children.start(new ProcessBuilder(line).redirectErrorStream(true)::start);
            try (var out = process.inputReader(StandardCharsets.UTF_8)) {
                return String.join("\n", out.lines().toList());
            } finally {
                children.end(process);
            }
        } catch (IOException e) {
            throw new BenchException("jcmd can't be run: " + e.getMessage(), e);
        }
    }
}
