package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Objects;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the launcher makes of the environment that it finds; a script in Java's place tells what it is given. */
class LauncherEnvironmentIT {
    private static final String CACHE = "-Dorg.bytedeco.javacpp.cachedir=";

    @TempDir
    Path directory;

    private Path launcher;

    private record Result(int status, List<String> lines) {
        Optional<String> after(String beginning) {
            return lines.stream().filter(line -> line.startsWith(beginning))
                    .map(line -> line.substring(beginning.length())).findFirst();
        }
    }

    @BeforeEach
    void makeLayout() throws IOException {
        Files.createDirectories(directory.resolve("layout/lib"));
        launcher = Files.copy(RunningServer.LAYOUT.resolve("nereid"), directory.resolve("layout/nereid"));
        Path java = Files.createDirectories(directory.resolve("jdk/bin")).resolve("java");
        Files.writeString(directory.resolve("jdk/release"),
                "JAVA_VERSION=\"25.0.1\"\nJAVA_RUNTIME_VERSION=\"25.0.1+1\"\n");
        Files.writeString(java, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nenv\ngrep SigIgn /proc/self/status\n");
        Files.setPosixFilePermissions(java, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** Runs the launcher with nothing in its environment but a path, the stand-in for Java, and what is given. */
    private Result run(Map<String, String> environment, String... command) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command.length == 0
                ? List.of(launcher.toString(), "serve")
                : List.of(command)).redirectErrorStream(true);
        builder.environment().clear();
        builder.environment().put("PATH", "/usr/local/bin:/usr/bin:/bin");
        builder.environment().put("JAVA_HOME", directory.resolve("jdk").toString());
        builder.environment().put("TMPDIR", directory.toString());
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        return new Result(process.exitValue(), output.lines().toList());
    }

    private String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    @Test
    void needsNoHome() throws Exception {
        Result result = run(Map.of());

        assertEquals(0, result.status(), result.lines()::toString);
        Path cache = Path.of(result.after(CACHE).orElseThrow());
        assertEquals(directory.toRealPath(),
                Objects.requireNonNull(Objects.requireNonNull(cache.getParent()).getParent()).toRealPath());
        assertEquals("rwx------", mode(cache.getParent()));
    }

    @Test
    void keepsUnpackedLibrariesInADirectoryOfTheUsersOwn() throws Exception {
        Path home = Files.createDirectories(directory.resolve("home"));

        Result result = run(Map.of("HOME", home.toString()));

        assertEquals(home.resolve(".cache/nereid/javacpp") + "/", result.after(CACHE).orElseThrow());
        assertEquals("rwx------", mode(home.resolve(".cache/nereid")));
    }

    @Test
    void closesADirectoryThatIsOpenToOthers() throws Exception {
        Path cache = Files.createDirectories(directory.resolve("cache"));
        Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwxrwxrwx"));

        Result result = run(Map.of("NEREID_CACHE_DIR", cache.toString()));

        assertEquals(cache + "/javacpp/", result.after(CACHE).orElseThrow());
        assertEquals("rwx------", mode(cache));
    }

    /** Whoever made the link could point it at libraries of their own. */
    @Test
    void refusesADirectoryThatIsALink() throws Exception {
        Path elsewhere = Files.createDirectories(directory.resolve("elsewhere"));
        Path link = Files.createSymbolicLink(directory.resolve("link"), elsewhere);

        Result result = run(Map.of("NEREID_CACHE_DIR", link.toString()));

        assertEquals(1, result.status(), result.lines()::toString);
        assertTrue(result.lines().getFirst().contains("NEREID_CACHE_DIR names another directory"),
                result.lines()::toString);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"LANG|C|LC_CTYPE", "LANG|nowhere.UTF-8|LC_CTYPE", "LC_ALL|POSIX|LC_ALL",
        "UNUSED|''|LC_CTYPE"})
    void setsALocaleOfUnicode(String variable, String value, String set) throws Exception {
        Result result = run(Map.of(variable, value));

        assertTrue(result.after(set + "=").orElseThrow().toUpperCase(java.util.Locale.ROOT).replace("-", "")
                .endsWith("UTF8"), result.lines()::toString);
    }

    @Test
    void leavesALocaleOfUnicodeAlone() throws Exception {
        Result result = run(Map.of("LANG", "C.UTF-8"));

        assertEquals("C.UTF-8", result.after("LANG=").orElseThrow());
        assertFalse(result.lines().stream().anyMatch(line -> line.startsWith("LC_")), result.lines()::toString);
    }

    @Test
    void turnsUsageReportsOff() throws Exception {
        assertEquals("1", run(Map.of()).after("ORT_DISABLE_TELEMETRY=").orElseThrow());
        assertEquals("1", run(Map.of("ORT_DISABLE_TELEMETRY", "0")).after("ORT_DISABLE_TELEMETRY=").orElseThrow());
    }

    @Test
    void boundsHowLongOpenMpLooks() throws Exception {
        assertEquals("10000", run(Map.of()).after("GOMP_SPINCOUNT=").orElseThrow());
        assertEquals("7", run(Map.of("GOMP_SPINCOUNT", "7")).after("GOMP_SPINCOUNT=").orElseThrow());
        assertEquals(Optional.empty(), run(Map.of("OMP_WAIT_POLICY", "ACTIVE")).after("GOMP_SPINCOUNT="));
    }

    @Test
    void beginsLargeTensorsAtWholePages() throws Exception {
        assertEquals("1", run(Map.of()).after("THP_MEM_ALLOC_ENABLE=").orElseThrow());
        assertEquals("0", run(Map.of("THP_MEM_ALLOC_ENABLE", "0")).after("THP_MEM_ALLOC_ENABLE=").orElseThrow());
    }

    @Test
    void boundsTheHeapOfALargeMachine() throws Exception {
        boolean isLarge = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class)
                .getTotalMemorySize() > 5120L << 20;

        assertEquals(isLarge ? Optional.of("1280m") : Optional.empty(), run(Map.of()).after("-Xmx"));
    }

    @ParameterizedTest
    @CsvSource({"NEREID_JAVA_OPTIONS,-XX:MaxRAMPercentage=40", "JAVA_TOOL_OPTIONS,-Xmx3g",
        "JDK_JAVA_OPTIONS,-XX:MaxHeapSize=3g", "NEREID_JAVA_OPTIONS,-Xms3g"})
    void leavesTheHeapToWhoeverBoundsIt(String variable, String option) throws Exception {
        assertEquals(Optional.empty(), run(Map.of(variable, option)).after("-Xmx"));
    }

    @Test
    void leavesTheMemoryOfTheTransportToWhoeverBoundsIt() throws Exception {
        assertEquals(Optional.empty(), run(Map.of("JAVA_TOOL_OPTIONS", "-XX:MaxDirectMemorySize=8g"))
                .after("-XX:MaxDirectMemorySize="));
    }

    /** What a shell starts in the background ignores SIGINT, unless it asks for it again. */
    @Test
    void hearsInterruptsInTheBackground() throws Exception {
        Result result = run(Map.of(), "/bin/sh", "-c", launcher + " serve & wait");

        long ignored = Long.parseUnsignedLong(result.after("SigIgn:\t").orElseThrow(), 16);
        assertEquals(0, ignored >> 1 & 1, result.lines()::toString);
    }
}
