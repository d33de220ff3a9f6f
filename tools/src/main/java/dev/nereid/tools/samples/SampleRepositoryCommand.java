package dev.nereid.tools.samples;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Writes a sample model repository: {@code <directory> [--models=a,b]}. */
public final class SampleRepositoryCommand {
    private static final int WRONG_USE = 2;
    private static final String MODELS = "--models=";

    private SampleRepositoryCommand() {
    }

    /** Runs the command and ends the process with its status. */
    public static void main(String[] arguments) {
        System.exit(run(arguments, System.out, System.err));
    }

    static int run(String[] arguments, PrintStream out, PrintStream err) {
        Set<SampleRepository.Model> models = SampleRepository.defaults();
        Path directory = null;
        for (String argument : arguments) {
            if (argument.equals("--help") || argument.equals("-h")) {
                out.println("Usage: nereid samples " + usage());
                return 0;
            }
            if (argument.startsWith(MODELS)) {
                models = EnumSet.noneOf(SampleRepository.Model.class);
                for (String name : argument.substring(MODELS.length()).split(",", -1)) {
                    Optional<SampleRepository.Model> model = SampleRepository.Model.parse(name);
                    if (model.isEmpty()) {
                        return refuse(err, "unknown model '" + name + "', expected some of " + names());
                    }
                    models.add(model.get());
                }
            } else if (argument.startsWith("-") || directory != null) {
                return refuse(err, "unknown argument '" + argument + "'");
            } else {
                try {
                    directory = Path.of(argument);
                } catch (InvalidPathException e) {
                    return refuse(err, "'" + argument + "' is no path");
                }
            }
        }
        if (directory == null) {
            return refuse(err, "a directory is missing");
        }
        try {
            SampleRepository.write(directory, models);
        } catch (IOException e) {
            err.println("can't write to " + directory + ": " + e.getMessage());
            return 1;
        }
        out.println("wrote "
                + SampleRepository.withMembers(models).stream().map(SampleRepository.Model::modelName)
                        .collect(Collectors.joining(", "))
                + " to " + directory);
        return 0;
    }

    private static int refuse(PrintStream err, String problem) {
        err.println(problem);
        err.println("usage: " + usage());
        return WRONG_USE;
    }

    private static String usage() {
        return "<directory> [--models=" + names() + "]";
    }

    private static String names() {
        return Arrays.stream(SampleRepository.Model.values()).map(SampleRepository.Model::modelName)
                .collect(Collectors.joining(","));
    }
}
