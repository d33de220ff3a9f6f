package dev.nereid.tools.prepare;

import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * {@code nereid prepare}. The launcher gives the file to write, the command line of the server's JVM up to its options, and
 * behind {@code --} what the user gave.
 */
public final class PrepareCommand {
    private static final int FAILED = 1;
    private static final int WRONG_USE = 2;
    private static final String USAGE = """
            Usage: nereid prepare [--unpack]

            Makes later starts of the server faster: serves a small model in a trial run, sends it requests, and
            keeps what the JVM has learnt. Repeat it when the server or the JDK was replaced.

              --unpack  before that, unpacks the native libraries of the PyTorch backend for good, where they lie:
                        no start unpacks them to the user's directory any more. Takes some 300 MB more; not while
                        a server runs from here.
            """;
    private static final String UNPACK = "--unpack";

    private PrepareCommand() {
    }

    /** Runs the command and ends the process with its status. */
    public static void main(String[] arguments) {
        System.exit(run(Arrays.asList(arguments), System.out, System.err));
    }

    static int run(List<String> arguments, PrintStream out, PrintStream err) {
        int end = arguments.indexOf("--");
        if (end < 2) {
            err.println("nereid: prepare is started by the launcher");
            return WRONG_USE;
        }
        List<String> given = arguments.subList(end + 1, arguments.size());
        if (given.equals(List.of("--help"))) {
            out.print(USAGE);
            return 0;
        }
        Optional<String> unknown = given.stream().filter(argument -> !argument.equals(UNPACK)).findFirst();
        if (unknown.isPresent()) {
            err.println("nereid: unknown argument '" + unknown.get() + "'; prepare takes none but " + UNPACK);
            return WRONG_USE;
        }
        boolean unpacks = given.contains(UNPACK);
        return prepare(Path.of(arguments.getFirst()).toAbsolutePath(), unpacks, arguments.subList(1, end), out, err);
    }

    private static int prepare(Path cache, boolean unpacks, List<String> server, PrintStream out, PrintStream err) {
        Path home = cache.getParent();
        if (home == null) {
            err.println("nereid: '" + cache + "' is no file");
            return WRONG_USE;
        }
        if (unpacks) {
            try {
                unpack(home.resolve("backends").resolve("pytorch"), out);
            } catch (PrepareException e) {
                err.println("nereid: " + e.getMessage());
                return FAILED;
            }
        }
        try (TrialRun trial = TrialRun.create(home)) {
            Thread atEnd = Thread.ofPlatform().name("nereid-prepare-end").unstarted(trial::close);
            Runtime.getRuntime().addShutdownHook(atEnd);
            try {
                trial.run(server, cache);
            } catch (PrepareException e) {
                if (!trial.isClosed()) {
                    trial.lastLines().forEach(err::println);
                    err.println("nereid: the trial run did not go as it should; the server starts without the cache: "
                            + e.getMessage());
                }
                return FAILED;
            } finally {
                forget(atEnd);
            }
        } catch (PrepareException e) {
            err.println("nereid: " + e.getMessage());
            return FAILED;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return FAILED;
        }
        out.println("wrote " + cache);
        return 0;
    }

    private static void unpack(Path backend, PrintStream out) throws PrepareException {
        List<Path> unpacked = NativeLibraries.unpack(backend);
        unpacked.forEach(jar -> out.println("unpacked " + jar));
        if (unpacked.isEmpty()) {
            out.println("nothing to unpack in " + backend);
        }
    }

    private static void forget(Thread atEnd) {
        try {
            Runtime.getRuntime().removeShutdownHook(atEnd);
        } catch (IllegalStateException _) {
            // It runs.
        }
    }
}
