package dev.nereid.server.doctor;

import dev.nereid.backend.api.Diagnosis;
import dev.nereid.server.FileDescriptors;
import dev.nereid.server.ProcessMemory;
import java.io.IOException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Java, the operating system, the processor and memory. */
final class SystemCheck {
    private static final String GROUP = "System";
    private static final long SMALL_MEMORY = 1L << 30;

    private final Path proc;
    private final int cores;
    private final long maxInFlightBytes;

    SystemCheck(Path proc, int cores, long maxInFlightBytes) {
        this.proc = proc;
        this.cores = cores;
        this.maxInFlightBytes = maxInFlightBytes;
    }

    void run(Findings findings) {
        findings.add(GROUP, Diagnosis.ok("Java", Runtime.version() + ", " + System.getProperty("java.vendor") + ", in "
                + System.getProperty("java.home")));
        findings.add(GROUP, system());
        findings.add(GROUP, cLibrary());
        processor(findings);
        findings.add(GROUP, memory());
        findings.add(GROUP, openFiles(FileDescriptors.now()));
    }

    static Diagnosis openFiles(FileDescriptors files) {
        int connections = files.connections();
        String found = "up to " + files.limit() + ", room for " + connections + " connections";
        return connections < FileDescriptors.MAX_CONNECTIONS
                ? Diagnosis.warning("open files", found,
                        "raise the limit (ulimit -n) to " + files.wanted() + " for "
                                + FileDescriptors.MAX_CONNECTIONS + " connections")
                : Diagnosis.ok("open files", found);
    }

    private static Diagnosis system() {
        String name = System.getProperty("os.name", "");
        String machine = System.getProperty("os.arch", "");
        String found = name + " " + System.getProperty("os.version", "") + ", " + machine;
        return name.equals("Linux") && Set.of("amd64", "x86_64").contains(machine)
                ? Diagnosis.ok("operating system", found)
                : Diagnosis.warning("operating system", found,
                        "the native libraries that come with the backends are for Linux on x86-64; backends in plain "
                                + "Java work");
    }

    @SuppressWarnings("restricted") // a function of the C library that returns a text
    private static Diagnosis cLibrary() {
        Linker linker = Linker.nativeLinker();
        Optional<MemorySegment> symbol = linker.defaultLookup().find("gnu_get_libc_version");
        if (symbol.isEmpty()) {
            return Diagnosis.warning("C library", "not glibc",
                    "the native libraries that come with the backends need glibc; on Alpine use an image with glibc");
        }
        try {
            MemorySegment text = (MemorySegment) linker
                    .downcallHandle(symbol.get(), FunctionDescriptor.of(ValueLayout.ADDRESS)).invokeExact();
            return Diagnosis.ok("C library", "glibc " + text.reinterpret(64).getString(0));
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    private void processor(Findings findings) {
        List<String> lines = read("cpuinfo");
        long hostCores = lines.stream().filter(line -> line.startsWith("processor")).count();
        String model = value(lines, "model name").orElse("unknown model");
        findings.add(GROUP, Diagnosis.ok("cores", cores + " usable" + (hostCores > cores
                ? " of " + hostCores + "; the rest is kept from this process (container, affinity)"
                : "") + "; OpenMP threads of CPU instances share them"));
        Optional<String> flags = value(lines, "flags");
        if (flags.isEmpty()) {
            findings.add(GROUP, Diagnosis.ok("processor", model));
            return;
        }
        Set<String> all = Set.of(flags.get().split(" ", -1));
        String found = model + (all.contains("avx2") ? ", AVX2" : "") + (all.contains("avx512f") ? ", AVX-512" : "");
        findings.add(GROUP, all.contains("avx2")
                ? Diagnosis.ok("processor", found)
                : Diagnosis.warning("processor", found + ", no AVX2",
                        "CPU inference will be slow; in a virtual machine, pass the host's CPU model through"));
    }

    private Diagnosis memory() {
        ProcessMemory memory = ProcessMemory.now();
        String found = memory.text(maxInFlightBytes);
        return memory.totalBytes() < SMALL_MEMORY
                ? Diagnosis.warning("memory", found, "give the process a gibibyte or more")
                : Diagnosis.ok("memory", found);
    }

    private static Optional<String> value(List<String> lines, String key) {
        return lines.stream().filter(line -> line.startsWith(key)).findFirst()
                .map(line -> line.substring(line.indexOf(':') + 1).strip());
    }

    private List<String> read(String file) {
        try {
            return Files.readAllLines(proc.resolve(file));
        } catch (IOException e) {
            return List.of();
        }
    }
}
