package dev.nereid.engine.memory;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The pages of native libraries. Those of a backend are hundreds of megabytes, and to load them, and a model, reads much
 * that no execution needs: tables of symbols and relocations, initialisers, parsers. Only Linux tells which these are.
 * Threads: any.
 */
public final class LibraryPages {
    private static final Logger LOGGER = System.getLogger(LibraryPages.class.getName());
    private static final Path MAPPINGS = Path.of("/proc/self/maps");
    private static final Path MAPPINGS_WITH_FIGURES = Path.of("/proc/self/smaps");
    /** The first line of a mapping: addresses, permissions, offset, device, inode, file. */
    private static final Pattern HEAD = Pattern.compile(
            "(\\p{XDigit}+)-(\\p{XDigit}+) (\\S{4}) (\\p{XDigit}+) \\S+ \\S+ *(.*)", Pattern.DOTALL);
    private static final Pattern FIGURE = Pattern.compile("(\\w+): +(\\d+) kB");
    private static final Pattern LIBRARY = Pattern.compile("/.*\\.so(\\.[\\d.]+)?", Pattern.DOTALL);
    private static final int KIB = 1024;
    private static final int HEX = 16;

    private LibraryPages() {
    }

    /**
     * A part of the address space.
     *
     * @param address its first byte
     * @param end the byte after its last
     * @param offset where in {@code file} it begins
     * @param file empty where it has none
     * @param figures in bytes, by the system's names; empty where they were not asked for
     */
    record Mapping(long address, long end, String permissions, long offset, String file, Map<String, Long> figures) {
        boolean isOfLibrary() {
            return LIBRARY.matcher(file).matches();
        }

        long residentBytes() {
            return figures.getOrDefault("Rss", 0L);
        }

        /**
         * Returns whether there are pages in memory, all of them as the file has them. One that was relocated, and protected
         * then, exists nowhere else: it is anonymous, or swapped out.
         */
        boolean canBeReadAgain() {
            return permissions.startsWith("r-") && residentBytes() > 0 && figures.getOrDefault("Anonymous", 1L) == 0
                    && figures.getOrDefault("Swap", 1L) == 0;
        }
    }

    /**
     * Lets go of all pages of libraries that are as their files have them. What is needed comes back as it is used: in a few
     * microseconds for 64 KiB, as long as the system has not needed the memory for others. Takes some milliseconds, more
     * where the process has gigabytes in memory. Never fails; where it can't be done, the log has why.
     */
    public static void release() {
        Optional<LibraryCalls> calls = LibraryCalls.find();
        if (calls.isEmpty()) {
            return;
        }
        try {
            long released = release(calls.get());
            LOGGER.log(Level.DEBUG, () -> "let go of " + (released >> 20) + " MiB of libraries");
        } catch (IOException | RuntimeException e) {
            LOGGER.log(Level.DEBUG, () -> "no pages of libraries can be let go of: " + e.getMessage());
        }
    }

    /**
     * What is not there any more must not be let go of: its addresses may be somebody else's memory by now. So libraries are
     * held before the second look, and only what the loader has mapped for them counts.
     */
    private static long release(LibraryCalls calls) throws IOException {
        Set<String> files = read(MAPPINGS).stream().filter(Mapping::isOfLibrary).map(Mapping::file)
                .collect(Collectors.toSet());
        long released = 0;
        try (LibraryCalls.Held held = calls.hold(files)) {
            for (Mapping mapping : releasable(read(MAPPINGS_WITH_FIGURES), held.addresses())) {
                if (calls.letGo(mapping.address(), mapping.end() - mapping.address())) {
                    released += mapping.residentBytes();
                }
            }
        }
        return released;
    }

    /** Returns what of libraries could be let go of, in bytes. */
    static long residentBytes() throws IOException {
        return read(MAPPINGS_WITH_FIGURES).stream().filter(Mapping::isOfLibrary).filter(Mapping::canBeReadAgain)
                .mapToLong(Mapping::residentBytes).sum();
    }

    private static List<Mapping> read(Path file) throws IOException {
        // Names of files may be in any encoding.
        return parse(Files.readAllLines(file, StandardCharsets.ISO_8859_1));
    }

    /**
     * Reads the lines of {@code /proc/self/maps} or {@code smaps}, in the format of the kernel's
     * {@code Documentation/filesystems/proc.rst}.
     */
    static List<Mapping> parse(List<String> lines) {
        List<Mapping> mappings = new ArrayList<>();
        Map<String, Long> figures = new HashMap<>();
        for (String line : lines) {
            Matcher head = HEAD.matcher(line);
            if (head.matches()) {
                figures = new HashMap<>();
                mappings.add(new Mapping(Long.parseUnsignedLong(head.group(1), HEX),
                        Long.parseUnsignedLong(head.group(2), HEX), head.group(3),
                        Long.parseUnsignedLong(head.group(4), HEX), head.group(5), figures));
                continue;
            }
            Matcher figure = FIGURE.matcher(line);
            if (figure.matches()) {
                // A head that was not understood must not hide what the mapping before it has.
                figures.merge(figure.group(1), Long.parseLong(figure.group(2)) * KIB, Math::max);
            }
        }
        return mappings;
    }

    /**
     * Returns what can be let go of without loss.
     *
     * @param all the mappings, by address
     * @param libraries where the loader has mapped each file, which is held. Another program may have mapped the same file
     *         for itself; that is not held
     */
    static List<Mapping> releasable(List<Mapping> all, Map<String, Long> libraries) {
        return IntStream.range(0, all.size())
                .filter(index -> Long.valueOf(all.get(index).address()).equals(libraries.get(all.get(index).file())))
                .mapToObj(index -> segments(all.subList(index, all.size())))
                .flatMap(List::stream).filter(Mapping::canBeReadAgain).toList();
    }

    /** Returns the first mapping and those that the loader has put right behind it: further parts of the same file. */
    private static List<Mapping> segments(List<Mapping> mappings) {
        int count = 1;
        while (count < mappings.size() && isNextSegment(mappings.get(count - 1), mappings.get(count))) {
            count++;
        }
        return mappings.subList(0, count);
    }

    private static boolean isNextSegment(Mapping mapping, Mapping next) {
        return next.address() == mapping.end() && next.file().equals(mapping.file()) && next.offset() > 0
                && next.offset() >= mapping.offset();
    }
}
