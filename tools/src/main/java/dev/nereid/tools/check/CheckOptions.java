package dev.nereid.tools.check;

import dev.nereid.repository.config.PathGuard;
import dev.nereid.server.cli.UsageException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What {@code nereid check} was asked for.
 *
 * @param repositories the directories with models
 * @param configName the name of custom configurations; empty for none
 * @param isAutoCompleteOn whether a backend may complete configurations
 * @param backendDirectory where backends lie, where that is known
 * @param loads whether each model is also loaded, in a process of its own
 */
record CheckOptions(List<Path> repositories, String configName, boolean isAutoCompleteOn,
        Optional<Path> backendDirectory, boolean loads) {
    static final String USAGE = """
            Usage: nereid check <repository>... [flags]

              --model-config-name=<text>      Name of custom model configurations in 'configs'.
              --disable-auto-complete-config  Do not expect backends to complete model configurations.
              --backend-directory=<text>      Directory with backends; those that come with the server by default.
              --load                          Also load each model without errors, in a process of its own.
              --help                          Print this text.

            Ends with 0 when a server could load all models, 1 when it would refuse one, 2 when the arguments are wrong.
            """;
    private static final String CONFIG_NAME = "--model-config-name";
    private static final String NO_AUTO_COMPLETE = "--disable-auto-complete-config";
    private static final String BACKENDS = "--backend-directory";
    private static final String LOAD = "--load";

    CheckOptions {
        repositories = List.copyOf(repositories);
    }

    /** Parses the arguments. Nothing is returned when only the usage text was asked for. */
    static Optional<CheckOptions> parse(List<String> arguments, Optional<Path> defaultBackends) {
        List<Path> repositories = new ArrayList<>();
        String configName = "";
        boolean isAutoCompleteOn = true;
        boolean loads = false;
        Optional<Path> backends = defaultBackends.filter(Files::isDirectory);
        for (int i = 0; i < arguments.size(); i++) {
            String argument = arguments.get(i);
            int equals = argument.startsWith("--") ? argument.indexOf('=') : -1;
            String name = equals < 0 ? argument : argument.substring(0, equals);
            switch (name) {
                case "--help", "-h" -> {
                    return Optional.empty();
                }
                case NO_AUTO_COMPLETE, LOAD -> {
                    if (equals >= 0 && !argument.endsWith("=true")) {
                        throw new UsageException(name + " takes no value");
                    }
                    isAutoCompleteOn &= !name.equals(NO_AUTO_COMPLETE);
                    loads |= name.equals(LOAD);
                }
                case CONFIG_NAME, BACKENDS -> {
                    if (equals < 0 && ++i == arguments.size()) {
                        throw new UsageException(name + " needs a value");
                    }
                    String value = equals < 0 ? arguments.get(i) : argument.substring(equals + 1);
                    if (name.equals(CONFIG_NAME)) {
                        configName = configName(value);
                    } else {
                        backends = Optional
                                .of(directory(value, BACKENDS + " is '" + value + "', which is no directory"));
                    }
                }
                default -> {
                    if (argument.startsWith("-")) {
                        throw new UsageException("unknown flag " + name);
                    }
                    repositories.add(directory(argument, "'" + argument + "' is no directory"));
                }
            }
        }
        if (repositories.isEmpty()) {
            throw new UsageException("name the model repository to check");
        }
        if (loads && backends.isEmpty()) {
            throw new UsageException(LOAD + " needs backends: name their directory with " + BACKENDS);
        }
        return Optional.of(new CheckOptions(repositories, configName, isAutoCompleteOn, backends, loads));
    }

    private static String configName(String value) {
        if (!PathGuard.isModelName(value) || value.chars().anyMatch(Character::isWhitespace)) {
            throw new UsageException(CONFIG_NAME + " has value '" + value + "', expected the name of a file without "
                    + "blanks and without .pbtxt");
        }
        return value;
    }

    private static Path directory(String text, String problem) {
        try {
            Path path = Path.of(text);
            if (Files.isDirectory(path)) {
                return path;
            }
        } catch (InvalidPathException e) {
            // Answered below, like a path to something else.
        }
        throw new UsageException(problem);
    }
}
