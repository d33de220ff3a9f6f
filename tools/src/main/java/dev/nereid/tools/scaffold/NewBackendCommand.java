package dev.nereid.tools.scaffold;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** Writes the project of a new backend: {@code <name> [--decoupled] [--directory=.] [--package=..] [--group-id=..]}. */
public final class NewBackendCommand {
    private static final int WRONG_USE = 2;
    private static final Set<String> FLAGS = Set.of("directory", "package", "group-id");
    private static final String DECOUPLED = "--decoupled";
    private static final String USAGE = """
            Usage: nereid new-backend <name> [flags]
            Writes the Maven project of a new backend into the directory <name>.

              --decoupled          a backend that answers a request any number of times
              --directory=<path>   where to make that directory; default: here
              --package=<package>  Java package; default: group id and name
              --group-id=<group>   Maven group; default: com.example""";

    private NewBackendCommand() {
    }

    /** Runs the command and ends the process with its status. */
    public static void main(String[] arguments) {
        System.exit(run(arguments, Path.of(System.getProperty("nereid.home", "")), System.out, System.err));
    }

    static int run(String[] arguments, Path home, PrintStream out, PrintStream err) {
        if (arguments.length == 1 && Set.of("--help", "-h").contains(arguments[0])) {
            out.println(USAGE);
            return 0;
        }
        try {
            write(arguments, home, out);
            return 0;
        } catch (UsageException e) {
            err.println("nereid: " + e.getMessage());
            err.println(USAGE);
            return WRONG_USE;
        } catch (IOException e) {
            err.println("nereid: the project can't be written: " + e.getMessage());
            return 1;
        }
    }

    private static void write(String[] arguments, Path home, PrintStream out) throws IOException {
        String name = "";
        BackendProject.Kind kind = BackendProject.Kind.PLAIN;
        Map<String, String> flags = new HashMap<>();
        for (String argument : arguments) {
            int sign = argument.indexOf('=');
            if (argument.equals(DECOUPLED)) {
                kind = BackendProject.Kind.DECOUPLED;
            } else if (argument.startsWith("--") && sign > 0 && FLAGS.contains(argument.substring(2, sign))) {
                flags.put(argument.substring(2, sign), argument.substring(sign + 1));
            } else if (argument.startsWith("-") || !name.isEmpty()) {
                throw new UsageException("unknown argument '" + argument + "'");
            } else {
                name = argument;
            }
        }
        if (name.isEmpty()) {
            throw new UsageException("the name of the new backend is missing");
        }
        String group = flags.getOrDefault("group-id", ProjectNames.DEFAULT_GROUP);
        ProjectNames names = new ProjectNames(name, group,
                flags.getOrDefault("package", ProjectNames.defaultPackage(name, group)));
        Path directory = path(flags.getOrDefault("directory", ".")).resolve(name).normalize();
        if (Files.exists(directory)) {
            throw new UsageException("'" + directory + "' exists already; choose another name or --directory");
        }
        BackendProject project = BackendProject.of(names, kind, home.toAbsolutePath().resolve("lib/maven").toUri());
        project.write(directory);
        out.println("Wrote " + directory + ":");
        project.files().keySet().forEach(file -> out.println("  " + file));
        out.print("""
                Next:
                  (cd %1$s && mvn package)
                  nereid serve --model-repository=%1$s/models --backend-directory=%1$s/target/plugin
                README.md there tells what to ask the server then.
                """.formatted(directory));
    }

    private static Path path(String text) {
        try {
            return Path.of(text);
        } catch (InvalidPathException e) {
            throw new UsageException("--directory is '" + text + "', which is no path");
        }
    }
}
