package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.repository.config.ConfigReader;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Does what the documentation shows: its commands run as they stand there beside a server with the sample models, and its
 * model configurations are read. A block says what it is by its language; a new one is tried without being named here.
 */
class DocumentationIT {
    private static final Path ROOT = Path.of("..");
    private static final Pattern BLOCK = Pattern.compile("^```(.*)\\R((?:.*\\R)*?)```$", Pattern.MULTILINE);
    private static final Set<String> LANGUAGES = Set.of("sh", "pbtxt", "json", "text", "java", "python", "xml", "yaml");
    /** What has tests of its own. */
    private static final Set<String> ELSEWHERE = Set.of("writing-a-backend.md");
    /** Beginnings of commands that are not run, and why. */
    private static final Map<String, String> NOT_RUN = Map.of(
            "./nereid demo            # builds", "the build itself, of which this is a part",
            "trtexec", "needs TensorRT's tools",
            "./nereid serve --model-repository=models --http-tls", "needs certificates; the server's tests make some",
            "./nereid serve --model-repository=models --cache-config=redis",
            "needs Redis; that cache's tests start one",
            "export AWS_ACCESS_KEY_ID", "needs S3; StorageIT starts a server that speaks its protocol",
            "./mvnw", "the build itself, of which this is a part",
            "./nereid tune", "takes minutes; the tools' tests tune a model of theirs",
            "./nereid bench", "takes minutes; BenchIT runs it");
    /** Smaller numbers, which take less time. */
    private static final Map<String, String> SHORTER = Map.of(
            "--concurrency-range 1:8", "--concurrency-range 1:2 -p 200 -r 3",
            "--input-data=five.json", "--input-data=five.json -p 200 -r 3",
            "models --console", "models --console --console-port=0",
            // A process for one model rather than for each.
            "=pytorch,isolation=process", "=pytorch,isolation=process --model-control-mode=explicit --load-model=mlp",
            "=,isolation=process", "=,isolation=process --model-control-mode=explicit --load-model=mlp",
            "=pytorch,load-check=process",
            "=pytorch,load-check=process --model-control-mode=explicit --load-model=mlp");
    /** Serves until it is ready, where a block serves; measures the server that is there already. */
    private static final String NEREID = """
            #!/usr/bin/env bash
            case "$1" in
              demo) exit 0 ;;
              perf) shift; port=$HTTP_PORT
                case "$*" in *"-i grpc"*) port=$GRPC_PORT ;; esac
                exec "$LAYOUT/nereid" perf -u "localhost:$port" "$@" ;;
              serve) ready="$(mktemp -d)/ready"
                "$LAYOUT/nereid" "$@" --http-port=0 --grpc-port=0 --metrics-port=0 --ready-file="$ready" &
                server=$!
                while kill -0 $server 2> /dev/null && [ ! -e "$ready" ]; do sleep 0.1; done
                [ -e "$ready" ] && kill -TERM $server && wait $server ;;
              *) exec "$LAYOUT/nereid" "$@" ;;
            esac
            """;

    @TempDir
    private static Path directory;
    private static RunningServer server;

    record Block(String page, String language, String text) {
        @Override
        public String toString() {
            return page + ": " + text.lines().findFirst().orElse("");
        }
    }

    private static List<Block> blocks() throws IOException {
        List<Path> pages = new ArrayList<>(List.of(ROOT.resolve("README.md")));
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            docs.filter(page -> page.toString().endsWith(".md")).sorted().forEach(pages::add);
        }
        List<Block> blocks = new ArrayList<>();
        for (Path page : pages) {
            String name = page.getFileName().toString();
            for (MatchResult block : BLOCK.matcher(Files.readString(page)).results().toList()) {
                blocks.add(new Block(name, block.group(1), block.group(2)));
            }
        }
        return blocks;
    }

    private static Stream<Block> blocks(String language) throws IOException {
        return blocks().stream().filter(block -> block.language().equals(language))
                .filter(block -> !ELSEWHERE.contains(block.page()));
    }

    static Stream<Block> commands() throws IOException {
        return blocks("sh").filter(block -> NOT_RUN.keySet().stream().noneMatch(block.text()::startsWith));
    }

    static Stream<Block> configurations() throws IOException {
        return blocks("pbtxt");
    }

    @BeforeAll
    static void serve() throws IOException, InterruptedException {
        Path models = directory.resolve("models");
        Process samples = new ProcessBuilder(RunningServer.LAYOUT.resolve("nereid").toString(), "samples",
                models.toString()).redirectErrorStream(true).redirectOutput(directory.resolve("samples.log").toFile())
                .start();
        assertEquals(0, samples.waitFor(), () -> read(directory.resolve("samples.log")));
        ImageIO.write(new BufferedImage(64, 48, BufferedImage.TYPE_INT_RGB), "jpg",
                directory.resolve("photo.jpg").toFile());
        Path launcher = Files.writeString(directory.resolve("nereid"), NEREID);
        assertTrue(launcher.toFile().setExecutable(true));
        server = RunningServer.start(models, "--model-control-mode=explicit", "--load-model=*",
                "--exit-timeout-secs=1");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void everyBlockSaysWhatItIs() throws IOException {
        List<Block> unknown = blocks().stream().filter(block -> !LANGUAGES.contains(block.language())).toList();

        assertEquals(List.of(), unknown);
    }

    @Test
    void whatIsLeftOutIsThere() throws IOException {
        Set<String> left = new HashSet<>(NOT_RUN.keySet());
        for (Block block : blocks("sh").toList()) {
            left.removeIf(block.text()::startsWith);
        }

        assertEquals(Set.of(), left);
    }

    @ParameterizedTest
    @MethodSource("commands")
    void commandsWork(Block block) throws IOException, InterruptedException {
        assumeTrue(!block.text().startsWith("grpcurl") || isInstalled("grpcurl"), "grpcurl is not installed");
        String commands = block.text().replace("localhost:8000", "127.0.0.1:" + server.httpPort())
                .replace("localhost:8001", "127.0.0.1:" + server.grpcPort())
                .replace("localhost:8002", "127.0.0.1:" + server.metricsPort()).replace(" /models", " models");
        for (Map.Entry<String, String> shorter : SHORTER.entrySet()) {
            commands = commands.replace(shorter.getKey(), shorter.getValue());
        }
        Path output = directory.resolve("output.txt");
        ProcessBuilder shell = new ProcessBuilder("bash", "-euo", "pipefail", "-c",
                "curl() { command curl --fail-with-body --silent --show-error \"$@\"; }\n" + commands + "wait\n");
        shell.environment().putAll(Map.of(RunningServer.CPU_ONLY, "1", "LAYOUT", RunningServer.LAYOUT.toString(),
                "HTTP_PORT", Integer.toString(server.httpPort()), "GRPC_PORT", Integer.toString(server.grpcPort())));
        Process process = shell.directory(directory.toFile()).redirectErrorStream(true).redirectOutput(output.toFile())
                .start();

        boolean hasEnded = process.waitFor(2, TimeUnit.MINUTES);
        if (!hasEnded) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
        }
        assertTrue(hasEnded && process.exitValue() == 0,
                () -> block + "\n" + read(output) + "\nThe server:\n" + server.log());
    }

    @ParameterizedTest
    @MethodSource("configurations")
    void configurationsAreRead(Block block) {
        ConfigReader.parseText(block.text());
    }

    private static boolean isInstalled(String program) {
        return Pattern.compile(":").splitAsStream(System.getenv().getOrDefault("PATH", ""))
                .anyMatch(entry -> !entry.isEmpty() && Files.isExecutable(Path.of(entry, program)));
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.UTF_8);
        } catch (IOException e) {
            return e.toString();
        }
    }
}
