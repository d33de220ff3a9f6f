package dev.nereid.engine.memory;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The pages of native libraries. Those of a backend are hundreds of megabytes, and to load them, and a model, reads much
 * that no execution needs: tables of symbols and relocations, initialisers, parsers. Only Linux tells which these are.
 * Threads: any.
 */
public final class LibraryPages {
    private static final Logger LOGGER = System.getLogger(LibraryPages.class.getName());
    private static final Path MAPPINGS = Path.of("/proc/self/smaps");
    /** The first line of a mapping: addresses, permissions, offset, device, inode, file. */
    private static final Pattern MAPPING = Pattern
            .compile("(\\p{XDigit}+)-(\\p{XDigit}+) (\\S{4}) \\S+ \\S+ \\S+ *(.*)");
    private static final Pattern FIGURE = Pattern.compile("(\\w+): +(\\d+) kB");
    private static final Pattern LIBRARY = Pattern.compile(".*\\.so(\\.[\\d.]+)?");
    private static final int KIB = 1024;
    private static final int HEX = 16;
    /** {@code MADV_DONTNEED}: the process lets go of the pages; whoever reads there again has them from the file. */
    private static final int DO_NOT_NEED = 4;
    private static final Optional<MethodHandle> ADVISE = find();

    private LibraryPages() {
    }

    @SuppressWarnings("restricted") // a function of the C library; release() says what it is given
    private static Optional<MethodHandle> find() {
        if (!Files.isReadable(MAPPINGS)) {
            return Optional.empty();
        }
        Linker linker = Linker.nativeLinker();
        return linker.defaultLookup().find("madvise").map(address -> linker.downcallHandle(address, FunctionDescriptor
                .of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT)));
    }

    /** A part of the address space, in bytes. */
    record Mapping(long address, long bytes, long residentBytes) {
    }

    /**
     * Lets go of the pages of all libraries that are as their files have them. What is needed comes back as it is used: in
     * a few microseconds for 64 KiB, as long as the system has not needed the memory for others. Takes some milliseconds.
     */
    public static void release() {
        if (ADVISE.isEmpty()) {
            return;
        }
        List<Mapping> mappings;
        try {
            mappings = unchanged(Files.readAllLines(MAPPINGS, StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> "what of libraries is in memory can't be read: " + e.getMessage());
            return;
        }
        long released = 0;
        for (Mapping mapping : mappings) {
            if (advise(mapping)) {
                released += mapping.residentBytes();
            }
        }
        long bytes = released;
        LOGGER.log(Level.DEBUG, () -> "let go of " + (bytes >> 20) + " MiB of libraries");
    }

    /** Returns whether the system has done it; it does not where pages are locked. */
    private static boolean advise(Mapping mapping) {
        try {
            return (int) ADVISE.orElseThrow().invokeExact(mapping.address(), mapping.bytes(), DO_NOT_NEED) == 0;
        } catch (Throwable e) {
            throw new IllegalStateException("madvise can't be called", e);
        }
    }

    /**
     * Returns the mappings of libraries that nobody may write to, and to which nobody has: a page that was relocated and
     * then protected exists nowhere else. Such pages are anonymous, or swapped out.
     *
     * @param smaps the lines of {@code /proc/self/smaps}, in the format of the kernel's
     *         {@code Documentation/filesystems/proc.rst}
     */
    static List<Mapping> unchanged(List<String> smaps) {
        List<Mapping> found = new ArrayList<>();
        int start = 0;
        while (start < smaps.size()) {
            int end = start + 1;
            while (end < smaps.size() && !MAPPING.matcher(smaps.get(end)).matches()) {
                end++;
            }
            Matcher mapping = MAPPING.matcher(smaps.get(start));
            if (mapping.matches() && isReadOnlyLibrary(mapping)) {
                Map<String, Long> figures = figures(smaps.subList(start + 1, end));
                long resident = figures.getOrDefault("Rss", 0L);
                if (resident > 0 && figures.getOrDefault("Anonymous", 1L) == 0
                        && figures.getOrDefault("Swap", 1L) == 0) {
                    long address = Long.parseUnsignedLong(mapping.group(1), HEX);
                    found.add(new Mapping(address, Long.parseUnsignedLong(mapping.group(2), HEX) - address, resident));
                }
            }
            start = end;
        }
        return found;
    }

    private static boolean isReadOnlyLibrary(Matcher mapping) {
        String permissions = mapping.group(3);
        return permissions.startsWith("r-") && LIBRARY.matcher(mapping.group(4)).matches();
    }

    /** Returns the figures of a mapping in bytes, by their names. */
    private static Map<String, Long> figures(List<String> lines) {
        Map<String, Long> figures = new HashMap<>();
        for (String line : lines) {
            Matcher figure = FIGURE.matcher(line);
            if (figure.matches()) {
                figures.put(figure.group(1), Long.parseLong(figure.group(2)) * KIB);
            }
        }
        return figures;
    }
}
