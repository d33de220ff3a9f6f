package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.tools.samples.SampleRepository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.EnumSet;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a server without load has in memory after the libraries of PyTorch were loaded. */
class IdleMemoryIT {
    /** Before, libtorch has some 75 MiB of its files in memory and the JVM 15, less where the system reads little ahead. */
    private static final long LIBRARIES_KIB = 60 << 10;
    private static final int RELEASED_MIB = 20;
    private static final Pattern RELEASED = Pattern.compile("let go of (\\d+) MiB of libraries");
    private static final Duration LIMIT = Duration.ofMinutes(1);

    @TempDir
    Path repository;

    @Test
    void whatOnlyLoadingNeededOfLibrariesIsGivenBack() throws Exception {
        SampleRepository.write(repository, EnumSet.of(SampleRepository.Model.ADD_SUB));
        try (RunningServer server = RunningServer.start(repository, "--log-verbose=1")) {
            long end = System.nanoTime() + LIMIT.toNanos();
            while (!RELEASED.matcher(server.log()).find() && System.nanoTime() < end) {
                LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
            }
            Matcher released = RELEASED.matcher(server.log());
            assertTrue(released.find(), server::log);
            assertTrue(Integer.parseInt(released.group(1)) > RELEASED_MIB, released.group());
            assertTrue(server.memoryKib("RssFile") < LIBRARIES_KIB, () -> describe(server));
            System.out.println("resident memory of a server without load: " + describe(server));

            String row = "0,".repeat(15) + "1";
            assertEquals(200,
                    server.post("/v2/models/add_sub/infer", """
                            {"inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"FP32","data":[%s]},\
                            {"name":"INPUT1","shape":[1,16],"datatype":"FP32","data":[%s]}]}""".formatted(row, row))
                            .statusCode(),
                    server::log);
        }
    }

    /** Its libraries are in a process of the model's, which has some 90 MiB of files in memory before. */
    @Test
    void theProcessOfAnIsolatedModelGivesThemBack() throws Exception {
        SampleRepository.write(repository, EnumSet.of(SampleRepository.Model.ADD_SUB));
        Files.writeString(repository.resolve("add_sub").resolve("config.pbtxt"), """

                parameters { key: "ISOLATION" value { string_value: "process" } }
                """, StandardOpenOption.APPEND);
        try (RunningServer server = RunningServer.start(repository)) {
            ProcessHandle worker = server.process().children().findFirst().orElseThrow();
            long end = System.nanoTime() + LIMIT.toNanos();
            long files = RunningServer.memoryKib(worker, "RssFile");
            while (files >= LIBRARIES_KIB && System.nanoTime() < end) {
                LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
                files = RunningServer.memoryKib(worker, "RssFile");
            }
            assertTrue(files < LIBRARIES_KIB, files + " KiB\n" + server.log());
        }
    }

    private static String describe(RunningServer server) {
        try {
            return server.memoryKib("VmRSS") + " KiB, of files " + server.memoryKib("RssFile") + " KiB";
        } catch (IOException e) {
            return e.toString();
        }
    }
}
