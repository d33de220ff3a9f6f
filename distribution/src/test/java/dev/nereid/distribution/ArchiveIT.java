package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The archives of a release, unpacked somewhere else. Only where they were made, which takes a while. */
class ArchiveIT {
    private static final Path RELEASE = Path.of("target", "release").toAbsolutePath();

    @TempDir
    private Path directory;

    private record Result(int status, String output) {
    }

    @BeforeAll
    static void areThere() {
        assumeTrue(Files.exists(RELEASE.resolve("SHA256SUMS")),
                "there is no archive; './mvnw -Pdist verify -Dit.test=ArchiveIT' makes and tests it");
    }

    private static Result run(Path working, String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).directory(working.toFile()).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(120, TimeUnit.SECONDS));
        return new Result(process.exitValue(), output);
    }

    private Path unpack(String end) throws IOException, InterruptedException {
        Path archive;
        try (Stream<Path> all = Files.list(RELEASE)) {
            archive = all.filter(file -> file.toString().endsWith(end))
                    .filter(file -> end.contains("linux") || !file.toString().contains("linux")).findFirst()
                    .orElseThrow();
        }
        Path place = Files.createDirectories(directory.resolve("some where"));
        Result tar = run(place, "tar", "-xzf", archive.toString());
        assertEquals(0, tar.status(), tar::output);
        try (Stream<Path> all = Files.list(place)) {
            return all.findFirst().orElseThrow();
        }
    }

    @Test
    void haveTheirChecksums() throws Exception {
        Result check = run(RELEASE, "sha256sum", "--check", "SHA256SUMS");

        assertEquals(0, check.status(), check::output);
    }

    @ParameterizedTest
    @ValueSource(strings = {".tar.gz", "-linux-x86_64.tar.gz"})
    void serveWhereverTheyAreUnpacked(String end) throws Exception {
        Path home = unpack(end);
        for (String file : List.of("LICENSE", "THIRD-PARTY.txt", "sbom.cdx.json", "docs/deploy.md",
                "deploy/Dockerfile", "deploy/helm/nereid/Chart.yaml", "lib/maven", "licenses", "backends/pytorch",
                "backends/onnxruntime", "caches/redis", "locations/s3", "locations/gcs", "locations/azure",
                "tracing/opentelemetry")) {
            assertTrue(Files.exists(home.resolve(file)), file);
        }
        Result version = run(home, home.resolve("nereid").toString(), "--version");
        assertTrue(version.output().matches("nereid \\S+ \\(commit [0-9a-f]{12}, built \\d{4}-\\S+Z\\)\n"),
                version::output);
        Path models = directory.resolve("models");
        Result samples = run(home, home.resolve("nereid").toString(), "samples", models.toString());
        assertEquals(0, samples.status(), samples::output);
        List<String> flags = new ArrayList<>(
                List.of("--model-control-mode=explicit", "--load-model=add_sub", "--load-model=identity_fp32"));
        Path cache = directory.resolve("cache");
        try (RunningServer server = RunningServer.start(home, Map.of("NEREID_CACHE_DIR", cache.toString()), models,
                flags.toArray(String[]::new))) {
            String answer = server.post("/v2/models/identity_fp32/infer", """
                    {"inputs":[{"name":"INPUT0","shape":[1,2],"datatype":"FP32","data":[7,8]}]}""").body();
            assertTrue(answer.contains("\"data\":[7"), answer);
            assertEquals(200, server.get("/v2/models/add_sub/ready").statusCode());
        }
        // Only the archive that is prepared has native libraries unpacked.
        try (Stream<Path> files = Files.walk(cache)) {
            assertEquals(!end.contains("linux"), files.anyMatch(file -> file.endsWith("libtorch_cpu.so")));
        }
    }
}
