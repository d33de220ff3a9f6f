package dev.nereid.distribution.deploy;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Programs that render documents, where they are installed. */
final class Programs {
    /** Where {@code .ci/run} puts what no package of the system has. */
    private static final Path TOOLS = Path.of(System.getProperty("user.home"), ".cache", "nereid-build-tools");

    private Programs() {
    }

    record Result(int status, String output, String errors) {
    }

    /** Runs a program, or ends the test as skipped where it is not installed. */
    static Result run(String... command) throws IOException, InterruptedException {
        String program = command[0];
        List<Path> places = Stream
                .concat(Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":", -1))
                        .filter(entry -> !entry.isEmpty()).map(Path::of), Stream.of(TOOLS))
                .map(directory -> directory.resolve(program)).filter(Files::isExecutable).toList();
        assumeTrue(!places.isEmpty(), program + " is not installed");
        command[0] = places.getFirst().toString();
        Process process = new ProcessBuilder(command).start();
        CompletableFuture<String> errors = CompletableFuture.supplyAsync(() -> {
            try {
                return new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
            } catch (IOException e) {
                return e.toString();
            }
        });
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        return new Result(process.exitValue(), output, errors.join());
    }
}
