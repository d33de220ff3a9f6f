package dev.nereid.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.engine.memory.LibraryPages.Mapping;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LibraryPagesTest {
    private static final String LIBRARY = "/a folder/libb.so.2.1";
    private static final Map<String, Long> HELD = Map.of(LIBRARY, 0x7f00L);

    @Test
    void findsThePartsOfALibraryThatAreInMemoryAsItsFileHasThem() {
        List<Mapping> all = parse(
                mapping("6f00-7f00", "rw-p", 0, "", 128, 128, 0),
                mapping("7f00-7f80", "r--p", 0, LIBRARY, 64, 0, 0),
                mapping("7f80-8000", "r-xp", 0x80, LIBRARY, 8, 0, 0),
                mapping("8000-8080", "r--p", 0x100, LIBRARY, 16, 16, 0),
                mapping("8080-8100", "rw-p", 0x180, LIBRARY, 8, 0, 0),
                mapping("8100-8180", "r--p", 0x200, LIBRARY, 4, 0, 0));

        assertEquals(List.of(0x7f00L, 0x7f80L, 0x8100L), released(all));
        assertEquals(64 << 10, all.get(1).residentBytes());
    }

    /** What was written exists nowhere else. */
    @ParameterizedTest
    @CsvSource({
        "r--p, 64, 4, 0, relocated",
        "r--p, 60, 0, 4, relocated and swapped out",
        "rw-p, 64, 0, 0, may be written to",
        "rwxp, 64, 0, 0, may be written to",
        "---p, 64, 0, 0, may not be read",
        "r--p, 0, 0, 0, not in memory"})
    void leavesWhatTheFileDoesNotHaveOrNobodyHasRead(String permissions, int resident, int anonymous, int swapped,
            String why) {
        List<Mapping> all = parse(mapping("7f00-7f80", permissions, 0, LIBRARY, resident, anonymous, swapped));

        assertEquals(List.of(), released(all), why);
    }

    /** The loader has not mapped these, so holding the library does not hold them. */
    @Test
    void leavesOtherMappingsOfTheSameFile() {
        List<Mapping> all = parse(
                mapping("7000-7080", "r--p", 0, LIBRARY, 64, 0, 0),
                mapping("7f00-7f80", "r--p", 0, LIBRARY, 64, 0, 0),
                mapping("7f80-8000", "r--p", 0, LIBRARY, 64, 0, 0),
                mapping("8080-8100", "r--p", 0x80, LIBRARY, 64, 0, 0));

        assertEquals(List.of(0x7f00L), released(all));
    }

    @Test
    void leavesWhatTheSystemSaysTooLittleOf() {
        String old = mapping("7f00-7f80", "r--p", 0, LIBRARY, 64, 0, 0).replaceAll("Swap.*\n", "");

        assertEquals(List.of(), released(parse(old)));
    }

    @Test
    void aLineThatIsNotUnderstoodHidesNothing() {
        List<Mapping> all = parse(mapping("7f00-7f80", "r--p", 0, LIBRARY, 64, 16, 0),
                mapping("what is this", "r--p", 0, LIBRARY, 64, 0, 0));

        assertEquals(List.of(), released(all));
    }

    @ParameterizedTest
    @CsvSource({"/lib/liba.so, true", "/lib/liba.so.1.2, true", "/h\u00c3\u0085/liba.so, true", "/lib/liba.sock, false",
        "/lib/liba.so (deleted), false", "/lib/modules, false", "[vdso], false"})
    void knowsLibrariesByTheirNames(String file, boolean isLibrary) {
        Mapping mapping = parse(mapping("7f00-7f80", "r--p", 0, file, 64, 0, 0)).getFirst();

        assertEquals(file, mapping.file());
        assertEquals(isLibrary, mapping.isOfLibrary());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void letsGoOfPagesOfThisProcessWhichThenGoesOn() throws IOException {
        long before = LibraryPages.residentBytes();
        assumeTrue(before > 0, "this system does not tell what is in memory");

        LibraryPages.release();

        long after = LibraryPages.residentBytes();
        assertTrue(after < before, () -> before + " bytes before, " + after + " after");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void holdsOnlyWhatTheLoaderHasLoadedFromThatFile(@TempDir Path directory) throws IOException {
        String jvm = Path.of(System.getProperty("java.home"), "lib", "server", "libjvm.so").toRealPath().toString();
        String copy = Files.copy(Path.of(jvm), directory.resolve("libcopy.so")).toString();
        try (LibraryCalls.Held held = LibraryCalls.find().orElseThrow().hold(Set.of(jvm, copy, "/no/such/file.so"))) {
            assertEquals(Set.of(jvm), held.addresses().keySet());
        }
    }

    private static List<Long> released(List<Mapping> all) {
        return LibraryPages.releasable(all, HELD).stream().map(Mapping::address).toList();
    }

    private static List<Mapping> parse(String... mappings) {
        return LibraryPages.parse(String.join("\n", mappings).lines().toList());
    }

    private static String mapping(String addresses, String permissions, long offset, String file, int residentKib,
            int anonymousKib, int swappedKib) {
        return String.join("\n",
                "%s %s %08x fe:00 4711                       %s".formatted(addresses, permissions, offset, file),
                "Size:                 64 kB", "Rss:              %7d kB".formatted(residentKib),
                "Anonymous:        %7d kB".formatted(anonymousKib), "Swap:             %7d kB".formatted(swappedKib),
                "THPeligible:           0", "VmFlags: rd ex mr mw me de sd");
    }
}
