package dev.nereid.server.cli;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.NereidServer;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.StartException;
import dev.nereid.server.Version;
import java.io.PrintStream;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.Arrays;

/** {@code nereid serve}. */
public final class Main {
    static final String HOME = "nereid.home";

    private Main() {
    }

    /** Runs a server until the process is asked to end. Exits with 1 when it can't start. */
    public static void main(String[] arguments) {
        // By name only: the JDK reads the property as soon as anything touches one of its log managers.
        System.setProperty("java.util.logging.manager", LastingLogManager.class.getName());
        int status = run(arguments, System.out, System.err);
        if (status >= 0) {
            System.exit(status);
        }
    }

    /** Returns the exit status, or -1 when the shutdown hook has ended the server and the process ends by itself. */
    private static int run(String[] arguments, PrintStream out, PrintStream err) {
        ServerOptions options;
        LogSetup logs;
        ReadyFile readyFile;
        try {
            CommandLine commandLine = CommandLine.parse(Arrays.asList(arguments));
            if (commandLine.asksForHelp()) {
                out.print(CommandLine.usage());
                return 0;
            }
            if (commandLine.asksForVersion()) {
                out.println(Version.line());
                return 0;
            }
            // Read by the JDK with the first virtual thread.
            commandLine.carrierThreads().ifPresent(
                    count -> System.setProperty("jdk.virtualThreadScheduler.parallelism", Integer.toString(count)));
            options = commandLine.options(Path.of(System.getProperty(HOME, ".")).resolve("backends"));
            readyFile = new ReadyFile(commandLine.readyFile());
            logs = LogSetup.apply(options.logging(), options.console().isEnabled());
            commandLine.notices().forEach(
                    notice -> System.getLogger(Main.class.getName()).log(Level.WARNING, notice));
        } catch (UsageException e) {
            err.println("error: " + e.getMessage());
            err.println();
            err.println("Run 'nereid serve --help' for all flags.");
            return 1;
        }
        return serve(options, logs, readyFile, err);
    }

    private static int serve(ServerOptions options, LogSetup logs, ReadyFile readyFile, PrintStream err) {
        Thread.setDefaultUncaughtExceptionHandler((thread, e) -> uncaught(thread, e, err));
        ShutdownHook shutdown;
        try {
            StartThreads.check();
            shutdown = ShutdownHook.install(logs, readyFile, options.exitGrace().plus(options.exitTimeout()));
        } catch (VirtualMachineError e) {
            err.println("error: " + StartThreads.text(e));
            Runtime.getRuntime().halt(1);
            return 1;
        }
        try {
            readyFile.clear();
            NereidServer server = NereidServer.start(options, logs);
            shutdown.serve(server);
            server.endOnTrouble(options.exitsOnStall(), shutdown::endFailed);
            tellReady(readyFile, server);
        } catch (StartException | InferenceException e) {
            err.println("error: " + e.getMessage());
            shutdown.failed();
            return 1;
        } catch (VirtualMachineError e) {
            // Not by an exit, which takes threads and memory.
            err.println("error: " + StartThreads.text(e));
            Runtime.getRuntime().halt(1);
        }
        Thread.setDefaultUncaughtExceptionHandler(Main::logUncaught);
        shutdown.await();
        return -1;
    }

    private static void tellReady(ReadyFile readyFile, NereidServer server) {
        try {
            readyFile.write(server);
        } catch (StartException e) {
            server.close();
            throw e;
        }
    }

    /** A thread that the start waits for may be the one that could not do its work. */
    private static void uncaught(Thread thread, Throwable e, PrintStream err) {
        if (e instanceof VirtualMachineError error) {
            err.println("error: " + StartThreads.text(error));
            Runtime.getRuntime().halt(1);
        }
        logUncaught(thread, e);
    }

    private static void logUncaught(Thread thread, Throwable e) {
        System.getLogger(Main.class.getName()).log(Level.ERROR, "thread '" + thread.getName() + "' ended", e);
    }
}
