package dev.nereid.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.engine.memory.LibraryPages.Mapping;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LibraryPagesTest {
    private static final Path SMAPS = Path.of("/proc/self/smaps");

    @Test
    void findsWhatLibrariesHaveInMemoryAsItIsInTheirFiles() {
        List<String> smaps = Stream.of(
                mapping("7f00-7f80", "r--p", "/lib/liba.so", 64, 0, 0),
                mapping("7f80-8000", "r-xp", "/a folder/libb.so.2.1", 8, 0, 0),
                mapping("9000-a000", "rw-p", "", 128, 128, 0)).flatMap(List::stream).toList();

        assertEquals(List.of(new Mapping(0x7f00, 0x80, 64 << 10), new Mapping(0x7f80, 0x80, 8 << 10)),
                LibraryPages.unchanged(smaps));
    }

    /** What was written exists nowhere else. */
    @ParameterizedTest
    @CsvSource({
        "r--p, /lib/liba.so, 64, 4, 0, relocated",
        "r--p, /lib/liba.so, 60, 0, 4, relocated and swapped out",
        "rw-p, /lib/liba.so, 64, 0, 0, may be written to",
        "rwxp, /lib/liba.so, 64, 0, 0, may be written to",
        "---p, /lib/liba.so, 64, 0, 0, may not be read",
        "r--p, /lib/liba.so, 0, 0, 0, not in memory",
        "r--p, /lib/modules, 64, 0, 0, no library",
        "r--p, /lib/liba.sock, 64, 0, 0, no library",
        "r-xp, [vdso], 64, 0, 0, no file"})
    void leavesEverythingElse(String permissions, String file, int resident, int anonymous, int swapped, String why) {
        assertEquals(List.of(),
                LibraryPages.unchanged(mapping("7f00-7f80", permissions, file, resident, anonymous, swapped)),
                why);
    }

    @Test
    void leavesWhatTheSystemSaysTooLittleOf() {
        List<String> old = mapping("7f00-7f80", "r--p", "/lib/liba.so", 64, 0, 0).stream()
                .filter(line -> !line.startsWith("Swap")).toList();

        assertEquals(List.of(), LibraryPages.unchanged(old));
    }

    @Test
    void letsGoOfPagesOfThisProcessWhichThenGoesOn() throws IOException {
        assumeTrue(Files.isReadable(SMAPS), "this system does not tell what is in memory: " + SMAPS);
        long before = resident();
        assertTrue(before > 0);

        LibraryPages.release();

        long after = resident();
        assertTrue(after < before, () -> before + " bytes before, " + after + " after");
    }

    private static long resident() throws IOException {
        return LibraryPages.unchanged(Files.readAllLines(SMAPS, StandardCharsets.ISO_8859_1)).stream()
                .mapToLong(Mapping::residentBytes).sum();
    }

    private static List<String> mapping(String addresses, String permissions, String file, int residentKib,
            int anonymousKib, int swappedKib) {
        return List.of(addresses + " " + permissions + " 00001000 fe:00 4711                       " + file,
                "Size:                 64 kB", "Rss:              %7d kB".formatted(residentKib),
                "Anonymous:        %7d kB".formatted(anonymousKib), "Swap:             %7d kB".formatted(swappedKib),
                "THPeligible:           0", "VmFlags: rd ex mr mw me de sd");
    }
}
