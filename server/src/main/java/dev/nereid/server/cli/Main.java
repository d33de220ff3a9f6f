package dev.nereid.server.cli;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.NereidServer;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.StartException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;

/** {@code nereid serve}. */
public final class Main {
    private static final String HOME = "nereid.home";

    private Main() {
    }

    /** Runs a server until the process is asked to end. Exits with 1 when it can't start. */
    public static void main(String[] arguments) {
        LastingLogManager.install();
        int status = run(arguments, System.out, System.err);
        if (status >= 0) {
            System.exit(status);
        }
    }

    /** Returns the exit status, or -1 when the shutdown hook has ended the server and the process ends by itself. */
    private static int run(String[] arguments, PrintStream out, PrintStream err) {
        ServerOptions options;
        LogSetup logs;
        try {
            CommandLine commandLine = CommandLine.parse(Arrays.asList(arguments));
            if (commandLine.asksForHelp()) {
                out.print(CommandLine.usage());
                return 0;
            }
            // Read by the JDK with the first virtual thread.
            commandLine.carrierThreads().ifPresent(
                    count -> System.setProperty("jdk.virtualThreadScheduler.parallelism", Integer.toString(count)));
            options = commandLine.options(Path.of(System.getProperty(HOME, ".")).resolve("backends"));
            logs = LogSetup.apply(options.logging());
        } catch (UsageException e) {
            err.println("error: " + e.getMessage());
            err.println();
            err.println("Run 'nereid serve --help' for all flags.");
            return 1;
        }
        return serve(options, logs, err);
    }

    private static int serve(ServerOptions options, LogSetup logs, PrintStream err) {
        CountDownLatch stopped = new CountDownLatch(1);
        NereidServer server;
        try {
            server = NereidServer.start(options, logs);
        } catch (StartException | InferenceException e) {
            err.println("error: " + e.getMessage());
            return 1;
        }
        // Not Helidon's own hook: what must be stopped, and in which order, is known here.
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().name("nereid-shutdown").unstarted(() -> {
            server.close();
            stopped.countDown();
        }));
        boolean interrupted = false;
        while (stopped.getCount() > 0) {
            try {
                stopped.await();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return -1;
    }
}
