package dev.nereid.tools.check;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.cli.UsageException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;

/** {@code nereid check}: finds what is wrong with the models of a repository, without serving them. */
public final class CheckCommand {
    private static final String HOME = "nereid.home";
    /** Tell of each start and load what they do; kept here because a logger that nobody holds forgets its level. */
    private static final List<Logger> QUIET = List.of(Logger.getLogger("org.pf4j"), Logger.getLogger("dev.nereid"));
    private static final int FOUND_ERRORS = 1;
    private static final int WRONG_USE = 2;

    private CheckCommand() {
    }

    /** Runs the command and ends the process with its status. */
    public static void main(String[] arguments) {
        QUIET.forEach(logger -> logger.setLevel(Level.WARNING));
        Optional<Path> backends = Optional.ofNullable(System.getProperty(HOME))
                .map(home -> Path.of(home).resolve("backends"));
        System.exit(run(Arrays.asList(arguments), backends, System.out, System.err));
    }

    static int run(List<String> arguments, Optional<Path> defaultBackends, PrintStream out, PrintStream err) {
        try {
            Optional<CheckOptions> options = CheckOptions.parse(arguments, defaultBackends);
            if (options.isEmpty()) {
                out.print(CheckOptions.USAGE);
                return 0;
            }
            return check(options.get(), out);
        } catch (UsageException e) {
            err.println("error: " + e.getMessage());
            err.println("Run 'nereid check --help' for the arguments.");
            return WRONG_USE;
        } catch (InferenceException e) {
            err.println("error: " + e.getMessage());
            return FOUND_ERRORS;
        }
    }

    private static int check(CheckOptions options, PrintStream out) {
        RepositoryCheck check = RepositoryCheck.of(options);
        List<Problem> problems = check.run();
        problems.forEach(problem -> out.println(problem.line()));
        long errors = problems.stream().filter(Problem::isError).count();
        out.println(count(check.modelCount(), "model") + ", " + count(errors, "error") + ", "
                + count(problems.size() - errors, "warning"));
        return errors > 0 ? FOUND_ERRORS : 0;
    }

    private static String count(long count, String what) {
        return count + " " + what + (count == 1 ? "" : "s");
    }
}
