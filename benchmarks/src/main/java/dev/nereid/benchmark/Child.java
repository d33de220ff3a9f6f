package dev.nereid.benchmark;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * A process of the benchmark: what it prints is kept and can be waited for, line by line. Threads: one that reads what
 * it prints; one that uses it.
 */
final class Child implements AutoCloseable {
    private static final String LIBRARY_CACHE = "org.bytedeco.javacpp.cachedir";
    private static final int KEPT_LINES = 200;
    private static final String END = "\u0000";

    private final String name;
    private final Children children;
    private final Process process;
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final BufferedWriter in;
    @GuardedBy("kept")
    private final List<String> kept = new ArrayList<>();

    private Child(String name, Children children, Process process) {
        this.name = name;
        this.children = children;
        this.process = process;
        this.in = process.outputWriter(StandardCharsets.UTF_8);
    }

    /** Starts a process whose environment has these variables, too. */
    static Child start(String name, Children children, List<String> command, Map<String, String> environment) {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().putAll(environment);
        try {
            Child child = new Child(name, children, children.start(builder::start));
            Thread.ofPlatform().daemon(true).name(name + "-output").start(child::read);
            return child;
        } catch (IOException e) {
            throw new BenchException(name + " can't be started: " + e.getMessage(), e);
        }
    }

    /** Starts a class of this program in a JVM of its own, with the libraries that this one has. */
    static Child java(String name, Children children, List<String> options, Class<?> main, List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow",
                "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0", "-Dorg.bytedeco.javacpp.maxBytes=0"));
        String libraryCache = System.getProperty(LIBRARY_CACHE);
        if (libraryCache != null) {
            command.add("-D" + LIBRARY_CACHE + "=" + libraryCache);
        }
        command.addAll(options);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(arguments);
        return start(name, children, command, Map.of());
    }

    private void read() {
        try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                synchronized (kept) {
                    kept.add(line);
                    if (kept.size() > KEPT_LINES) {
                        kept.removeFirst();
                    }
                }
                lines.add(line);
            }
        } catch (IOException e) {
            lines.add("its output can't be read: " + e.getMessage());
        }
        lines.add(END);
    }

    long pid() {
        return process.pid();
    }

    /** Returns the next line that it prints. Fails when it ends, or prints nothing for that long. */
    String line(long seconds) {
        try {
            String line = lines.poll(seconds, TimeUnit.SECONDS);
            if (line == null) {
                throw new BenchException(name + " gave no sign for " + seconds + " s; its last lines:\n" + log());
            }
            if (line.equals(END)) {
                lines.add(END);
                throw new BenchException(children.isInterrupted()
                        ? "interrupted"
                        : name + " ended early; its last lines:\n" + log());
            }
            return line;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        }
    }

    /** Gives it a line to read. */
    void tell(String line) {
        try {
            in.write(line);
            in.newLine();
            in.flush();
        } catch (IOException e) {
            throw new BenchException(name + " can't be told anything any more; its last lines:\n" + log(), e);
        }
    }

    /** Waits for its end and returns its status. */
    int await() {
        try {
            return process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        }
    }

    /** Returns the last lines that it has printed. */
    String log() {
        synchronized (kept) {
            return String.join("\n", kept);
        }
    }

    @Override
    public void close() {
        children.end(process);
    }
}
