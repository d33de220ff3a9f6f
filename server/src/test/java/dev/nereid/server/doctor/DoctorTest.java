package dev.nereid.server.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.Diagnosis.Verdict;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.gpu.FakeGpuDriver;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.plugin.PluginJar;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.cli.CommandLine;
import dev.nereid.server.tls.TestCertificates;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DoctorTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @TempDir
    private Path directory;

    private Path models = Path.of("");

    private record Factory(String name, List<Diagnosis> own, Supplier<Backend> start) implements BackendFactory {
        @Override
        public ApiVersion builtFor() {
            return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        }

        @Override
        public Backend create(BackendContext context) {
            return start.get();
        }

        @Override
        public List<Diagnosis> diagnose(BackendContext context) {
            return own;
        }
    }

    @BeforeEach
    void makeDirectories() throws IOException {
        Files.createDirectories(directory.resolve("backends"));
        models = Files.createDirectories(directory.resolve("models"));
    }

    private void backend(String name, List<Diagnosis> own, Supplier<Backend> start) {
        PluginJar.delegatingTo(new Factory(name, own, start)).writeTo(directory.resolve("backends/" + name + ".jar"));
    }

    private static Backend working() {
        return context -> {
            throw new IllegalStateException("no model is loaded here");
        };
    }

    private static Backend broken() {
        throw InferenceException.unavailable("libbroken.so is missing");
    }

    private void model(String name, String backend) throws IOException {
        Files.createDirectories(models.resolve(name).resolve("1"));
        Files.writeString(models.resolve(name).resolve("config.pbtxt"), "backend: \"" + backend + "\"");
    }

    private Findings examine(GpuDriver driver, Duration limit, String... flags) {
        List<String> all = new ArrayList<>(List.of("--model-repository=" + models,
                "--backend-directory=" + directory.resolve("backends"), "--http-address=127.0.0.1"));
        all.addAll(List.of(flags));
        ServerOptions options = CommandLine.parse(all).options(directory);
        return Doctor.examine(options, limit, driver);
    }

    private Findings examine(String... flags) {
        List<String> all = new ArrayList<>(List.of(flags));
        all.addAll(List.of("--grpc-port=0", "--metrics-port=0"));
        if (all.stream().noneMatch(flag -> flag.startsWith("--http-port"))) {
            all.add("--http-port=0");
        }
        return examine(GpuDriver.none("no driver"), LIMIT, all.toArray(String[]::new));
    }

    private static Diagnosis finding(Findings findings, String group, String subject) {
        return findings.all().stream()
                .filter(each -> each.group().equals(group) && each.diagnosis().subject().equals(subject))
                .map(Findings.Finding::diagnosis).findFirst()
                .orElseThrow(() -> new AssertionError("no " + subject + " in\n" + findings.text()));
    }

    @Test
    void showsWhatBackendsSayOfThemselves() {
        backend("good", List.of(Diagnosis.ok("libgood", "4.2"), Diagnosis.warning("cache", "small", "enlarge it")),
                DoctorTest::working);

        Findings findings = examine();

        assertEquals(Diagnosis.ok("libgood", "4.2"), finding(findings, "Backend good", "libgood"));
        assertTrue(finding(findings, "Backend good", "start").found().startsWith("started in "));
        assertEquals("built for 1.1, the server offers 1.1", finding(findings, "Backend good", "API").found());
        assertEquals(0, findings.count(Verdict.PROBLEM), findings::text);
        assertEquals(1, findings.count(Verdict.WARNING), findings::text);
        assertTrue(findings.text().endsWith("\n0 problems, 1 warning.\n"), findings::text);
        assertTrue(findings.text().contains("-> enlarge it\n"), findings::text);
    }

    @Test
    void aPlaceInObjectStorageThatCanNotBeOpenedIsAProblem() {
        Diagnosis repository = examine("--model-repository=s3://bucket/models").all().stream()
                .map(Findings.Finding::diagnosis).filter(each -> each.verdict() == Verdict.PROBLEM).findFirst()
                .orElseThrow();

        assertTrue(repository.found().startsWith("unable to find location 's3': there is neither a directory 's3' nor"),
                repository::found);
    }

    @Test
    void aBackendThatDoesNotStartIsAProblemOnlyWhereItIsNeeded() throws IOException {
        backend("good", List.of(), DoctorTest::working);
        backend("bad", List.of(), DoctorTest::broken);

        assertEquals(Diagnosis.warning("start", "libbroken.so is missing", "only models of this backend are concerned"),
                finding(examine(), "Backend bad", "start"));

        model("m", "bad");
        assertEquals(Diagnosis.problem("start", "libbroken.so is missing", ""),
                finding(examine(), "Backend bad", "start"));
    }

    @Test
    void whereNoBackendStartsNothingWorks() {
        backend("bad", List.of(), DoctorTest::broken);

        assertEquals(1, examine().count(Verdict.PROBLEM));
    }

    @Test
    void goesOnWithoutABackendThatHangs() {
        CountDownLatch never = new CountDownLatch(1);
        backend("hanging", List.of(Diagnosis.ok("libhang", "1")), () -> {
            try {
                never.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return working();
        });

        Findings findings = examine(GpuDriver.none("no driver"), Duration.ofMillis(1500), "--http-port=0",
                "--grpc-port=0", "--metrics-port=0");

        // On a busy machine it may not even have come to its start.
        Diagnosis start = finding(findings, "Backend hanging", "start");
        assertTrue(start.found().endsWith(" is not over after 1 s"), start.found());
        assertEquals(Verdict.PROBLEM, start.verdict());
        never.countDown();
    }

    @Test
    void namesBackendsThatModelsMiss() throws IOException {
        backend("good", List.of(), DoctorTest::working);
        model("m", "missing");
        Files.createDirectories(models.resolve("broken/1"));
        Files.writeString(models.resolve("broken/config.pbtxt"), "backend: 5");

        Findings findings = examine();

        assertEquals(Verdict.PROBLEM, finding(findings, "Backend missing", "directory").verdict());
        assertEquals(Verdict.PROBLEM, finding(findings, "Models", "broken").verdict());
        assertTrue(finding(findings, "Models", "repository").found().startsWith("2 models in "));
    }

    @Test
    void noBackendAtAllIsAProblem() {
        Findings findings = examine();

        assertEquals(Verdict.PROBLEM, finding(findings, "Backends", "backends").verdict());
    }

    @Test
    void seesThatAPortIsTaken() throws IOException {
        backend("good", List.of(), DoctorTest::working);
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Diagnosis http = finding(examine("--http-port=" + taken.getLocalPort()), "Ports and directories", "HTTP");

            assertEquals(Verdict.PROBLEM, http.verdict());
            assertTrue(http.advice().contains("--http-port"), http.advice());
            Diagnosis console = finding(examine("--console", "--console-port=" + taken.getLocalPort()),
                    "Ports and directories", "console");
            assertEquals(Verdict.PROBLEM, console.verdict());
            assertTrue(console.advice().contains("--console-port"), console.advice());
        }
    }

    @Test
    void looksAtCertificatesAndTokens() throws Exception {
        backend("good", List.of(), DoctorTest::working);
        TestCertificates certificates = new TestCertificates(directory.resolve("certificates"));
        certificates.issue("server", "EC");
        Path certificate = certificates.certificate("server");
        Path key = certificates.key("server");
        Path tokens = Files.writeString(directory.resolve("tokens"), "0123456789abcdef");

        Findings fine = examine("--http-tls-cert=" + certificate, "--http-tls-key=" + key,
                "--auth-token-file=" + tokens);
        assertEquals(Verdict.OK, finding(fine, "Access", "TLS for HTTP").verdict());
        assertEquals(Verdict.OK, finding(fine, "Access", "tokens").verdict());

        Files.writeString(tokens, "secret");
        Findings broken = examine("--metrics-tls-cert=" + certificate, "--metrics-tls-key=" + tokens,
                "--auth-token-file=" + tokens);
        assertEquals(Verdict.PROBLEM, finding(broken, "Access", "TLS for metrics").verdict());
        Diagnosis found = finding(broken, "Access", "tokens");
        assertEquals(Verdict.PROBLEM, found.verdict());
        assertTrue(found.found().startsWith("line 1 of " + tokens + " is not a token"), found.found());
    }

    @Test
    void showsGpus() {
        try (FakeGpuDriver driver = new FakeGpuDriver().with(8, 6).with(6, 1)) {
            Findings findings = examine(driver, LIMIT, "--http-port=0", "--grpc-port=0",
                    "--metrics-port=0");

            assertEquals(Diagnosis.ok("driver", "offers CUDA 13.3"), finding(findings, "GPUs", "driver"));
            assertEquals(Diagnosis.ok("GPU 0", "Fake 0, compute capability 8.6, 7.5 GiB, GPU-00000000"),
                    finding(findings, "GPUs", "GPU 0"));
            assertEquals("it is not used; --min-supported-compute-capability=6.1 would allow it",
                    finding(findings, "GPUs", "GPU 1").advice());
        }
    }

    @Test
    void havingNoGpuIsFine() {
        backend("good", List.of(), DoctorTest::working);

        Findings findings = examine();

        assertEquals(Diagnosis.ok("driver", "no driver; models run on the CPU"), finding(findings, "GPUs", "driver"));
        assertFalse(findings.text().contains("PROBLEM"), findings::text);
    }

    @Test
    void readsTheMachineFromTheKernelsFiles() throws IOException {
        Path proc = Files.createDirectories(directory.resolve("proc"));
        Files.writeString(proc.resolve("cpuinfo"), """
                processor\t: 0
                model name\t: Old CPU
                flags\t\t: fpu sse4_2 avx
                processor\t: 1
                model name\t: Old CPU
                """);
        Findings findings = new Findings();

        new SystemCheck(proc, 1, 1L << 30).run(findings);

        assertEquals("Old CPU, no AVX2", finding(findings, "System", "processor").found());
        assertEquals(Verdict.WARNING, finding(findings, "System", "processor").verdict());
        assertTrue(finding(findings, "System", "cores").found().startsWith("1 usable of 2"));
    }

    @Test
    void writesJson() {
        Findings findings = new Findings();
        findings.add("Backend \"x\"", Diagnosis.problem("start", "no", "help"));

        assertEquals(
                "{\"problems\":1,\"warnings\":0,\"findings\":[{\"group\":\"Backend \\\"x\\\"\",\"subject\":\"start\","
                        + "\"found\":\"no\",\"verdict\":\"PROBLEM\",\"advice\":\"help\"}]}",
                findings.json());
    }

    @Test
    void findsTheVendorsLibrariesAndLoadedOnes() throws IOException {
        Path libraries = Files.createDirectories(directory.resolve("lib"));
        Files.createFile(libraries.resolve("libnvinfer.so.11"));
        Files.createFile(libraries.resolve("libnvinfer.so.11.2.0"));
        Files.writeString(directory.resolve("maps"), """
                7f00-7f01 r-xp 00000000 08:01 1 /opt/torch/lib/libtorch_cpu.so
                7f01-7f02 r--p 00000000 08:01 1 /opt/torch/lib/libtorch_cpu.so
                7f02-7f03 r-xp 00000000 08:01 2 /usr/lib/x86_64-linux-gnu/libc.so.6
                7f03-7f04 rw-p 00000000 00:00 0 [heap]
                """);
        Findings findings = new Findings();

        LibraryCheck.vendor(List.of(directory.resolve("none"), libraries), findings);
        LibraryCheck.loaded(directory.resolve("maps"), findings);

        assertEquals(libraries.resolve("libnvinfer.so.11.2.0").toString(),
                finding(findings, "Native libraries", "TensorRT").found());
        assertEquals("not installed on this system; a backend may bring its own",
                finding(findings, "Native libraries", "cuDNN").found());
        assertEquals("/opt/torch/lib: libtorch_cpu.so",
                finding(findings, "Native libraries", "loaded by backends").found());
    }
}
