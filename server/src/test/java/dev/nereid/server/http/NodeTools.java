package dev.nereid.server.http;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Tools of Node's world that look at the console's page; fetched once, where there is Node and a place to get them from. */
final class NodeTools {
    private static final long LIMIT_SECONDS = 120;
    private static final Optional<Path> INSTALLED = install();

    private NodeTools() {
    }

    /** What a program wrote, and how it ended. */
    record Outcome(int status, String output) {
    }

    /** Returns the directory with the tools; empty where they can't be had. */
    static Optional<Path> directory() {
        return INSTALLED;
    }

    private static Optional<Path> install() {
        try {
            Path directory = Files.createDirectories(Path.of("target", "node-tools").toAbsolutePath());
            if (!Files.isRegularFile(directory.resolve("node_modules/axe-core/axe.min.js"))
                    || !Files.isDirectory(directory.resolve("node_modules/typescript"))) {
                Outcome outcome = run(directory, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock",
                        "--prefix", directory.toString(), "axe-core@4.14.1", "typescript@7.0.2");
                if (outcome.status() != 0) {
                    return Optional.empty();
                }
            }
            return Optional.of(directory);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Runs a program to its end; a status of -1 where there is none. */
    static Outcome run(Path directory, String... command) throws IOException {
        Path output = Files.createTempFile("output", "");
        try {
            Process process = new ProcessBuilder(List.of(command)).directory(directory.toFile())
                    .redirectErrorStream(true).redirectOutput(output.toFile()).start();
            try {
                boolean hasEnded = process.waitFor(LIMIT_SECONDS, TimeUnit.SECONDS);
                return new Outcome(hasEnded ? process.exitValue() : -1,
                        Files.readString(output, StandardCharsets.UTF_8));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return new Outcome(-1, "interrupted");
            } finally {
                process.destroyForcibly();
            }
        } catch (IOException e) {
            return new Outcome(-1, "there is no " + command[0]);
        } finally {
            Files.deleteIfExists(output);
        }
    }
}
