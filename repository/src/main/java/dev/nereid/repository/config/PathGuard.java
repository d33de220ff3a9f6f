package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Decides about every name and path that comes from outside: model names, and the files that a configuration or a load
 * request names. A path is good if it is relative and has no {@code ..}. Where a client's files are written, it must
 * also stay inside its directory with links followed as far as it exists; elsewhere, links are the repository owner's,
 * who may keep models wherever he likes, and are followed. Comparisons are by path element, so that
 * {@code /models/a_secret} is not inside {@code /models/a}.
 */
public final class PathGuard {
    private PathGuard() {
    }

    /** Refuses names that are blank or could lead out of a repository. */
    public static void checkModelName(String name) {
        if (name.isBlank()) {
            throw InferenceException.invalid("Model name cannot be empty. Please enter a valid name to deploy.");
        }
        if (!isModelName(name)) {
            throw InferenceException.invalid("invalid model name '" + Printable.escape(name)
                    + "', model name must not contain path traversal characters");
        }
    }

    /** Returns whether {@code name} can be the name of a model: one element of a path, without control characters. */
    public static boolean isModelName(String name) {
        return !name.isBlank() && !name.equals(".") && !name.equals("..")
                && name.chars().noneMatch(c -> c == '/' || c == '\\' || Character.isISOControl(c));
    }

    /** Returns whether {@code relative}, by its text alone, names something inside whatever directory it is used in. */
    public static boolean isRelative(String relative) {
        if (relative.isBlank() || relative.chars().anyMatch(c -> c == '\\' || Character.isISOControl(c))) {
            return false;
        }
        try {
            Path path = Path.of(relative);
            if (path.isAbsolute()) {
                return false;
            }
            for (Path element : path) {
                if (element.toString().equals("..")) {
                    return false;
                }
            }
            return !path.normalize().toString().isEmpty();
        } catch (InvalidPathException e) {
            return false;
        }
    }

    /** Returns {@code relative} in {@code directory}, or nothing where its text leads out of it. Links may lead anywhere. */
    public static Optional<Path> named(Path directory, String relative) {
        return isRelative(relative)
                ? Optional.of(directory.normalize().resolve(relative).normalize())
                : Optional.empty();
    }

    /**
     * Returns {@code relative} inside {@code directory}, or nothing where it would leave it, by its text or through a
     * link. The file need not exist.
     */
    public static Optional<Path> inside(Path directory, String relative) {
        if (!isRelative(relative)) {
            return Optional.empty();
        }
        Path root = directory.normalize();
        Path path = root.resolve(relative).normalize();
        if (!path.startsWith(root) || path.equals(root)) {
            return Optional.empty();
        }
        return staysInside(root, path) ? Optional.of(path) : Optional.empty();
    }

    /** Returns whether no link on the way from {@code root} to {@code path} leads outside. */
    private static boolean staysInside(Path root, Path path) {
        try {
            if (!Files.exists(root)) {
                return true;
            }
            Path realRoot = root.toRealPath();
            Path existing = root;
            for (Path element : root.relativize(path)) {
                Path next = existing.resolve(element);
                if (Files.isSymbolicLink(next) && !Files.exists(next)) {
                    return false;
                }
                if (!Files.exists(next)) {
                    break;
                }
                existing = next;
            }
            return existing.toRealPath().startsWith(realRoot);
        } catch (IOException | SecurityException e) {
            return false;
        }
    }
}
