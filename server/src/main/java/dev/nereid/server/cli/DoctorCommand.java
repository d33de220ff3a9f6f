package dev.nereid.server.cli;

import dev.nereid.backend.api.Diagnosis.Verdict;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.doctor.Doctor;
import dev.nereid.server.doctor.Findings;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.logging.LogManager;

/** {@code nereid doctor}. */
public final class DoctorCommand {
    private static final String JSON = "--json";
    private static final String LIMIT = "--backend-start-secs";
    private static final int DEFAULT_LIMIT = 60;
    private static final String USAGE = """
            Usage: nereid doctor [--json] [--backend-start-secs=<number>] [flags of 'nereid serve']

            Looks at what a server with these flags needs: Java, the machine, GPUs, ports, directories, and each
            backend, which it starts. No port stays open. Ends with 0 when a server would work, with 1 when
            there is a problem.

              --json                          Print the findings as JSON.
              --backend-start-secs=<number>   How long to wait for each backend. Default: 60.

            Flags that matter here: --backend-directory, --backend-config, --model-repository, --http-port,
            --grpc-port, --metrics-port, --min-supported-compute-capability. None is needed.
            """;

    private DoctorCommand() {
    }

    /** Looks, prints, and ends the process: with 1 when there is a problem. */
    public static void main(String[] arguments) {
        // A backend that hangs must not keep the process.
        System.exit(run(Arrays.asList(arguments), System.out, System.err));
    }

    static int run(List<String> arguments, PrintStream out, PrintStream err) {
        if (arguments.contains("--help")) {
            out.print(USAGE);
            return 0;
        }
        List<String> flags = new ArrayList<>(arguments);
        boolean isJson = flags.removeIf(JSON::equals);
        Findings findings;
        try {
            Duration limit = limit(flags);
            CommandLine commandLine = CommandLine.parse(flags);
            ServerOptions options = commandLine
                    .optionsForDoctor(Path.of(System.getProperty(Main.HOME, ".")).resolve("backends"));
            Optional<Path> _ = commandLine.readyFile();
            // What is found is printed below; libraries would tell the same in their own words.
            if (options.logging().verboseLevel() == 0) {
                LogManager.getLogManager().reset();
            } else {
                LogSetup _ = LogSetup.apply(options.logging());
            }
            findings = Doctor.examine(options, limit);
        } catch (UsageException | InferenceException e) {
            err.println("error: " + e.getMessage());
            err.println();
            err.println("Run 'nereid doctor --help' for its flags.");
            return 1;
        }
        out.print(isJson ? findings.json() + "\n" : findings.text());
        out.flush();
        return findings.count(Verdict.PROBLEM) == 0 ? 0 : 1;
    }

    private static Duration limit(List<String> flags) {
        long seconds = DEFAULT_LIMIT;
        for (String flag : List.copyOf(flags)) {
            if (flag.startsWith(LIMIT + "=")) {
                seconds = FlagTable.number(LIMIT.substring(2), flag.substring(LIMIT.length() + 1));
                flags.remove(flag);
            }
        }
        if (seconds < 1 || seconds > 3600) {
            throw new UsageException(LIMIT + " has value " + seconds + ", expected 1 to 3600");
        }
        return Duration.ofSeconds(seconds);
    }
}
