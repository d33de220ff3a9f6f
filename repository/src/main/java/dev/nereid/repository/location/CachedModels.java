package dev.nereid.repository.location;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.storage.StoredObject;
import dev.nereid.repository.config.FileFailures;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The models of one location in the cache, each in the states that it was fetched in:
 * {@code <model>/<digest of the listing>/<model>} holds the files, beside it {@code listing} says what they are. A state is
 * put in its place when it is complete, and never changed. What two states have in common is one file with two names.
 *
 * <p>A state stays while it is held, and the two that were fetched last stay in any case: one is for the next start, and the
 * other may be just about to be held. Threads: any, but one for each model at a time that adds a state.
 */
final class CachedModels {
    /** How the names of directories begin that are not complete. */
    static final String PARTIAL = ".partial-";
    private static final Logger LOGGER = System.getLogger(CachedModels.class.getName());
    private static final String LISTING = "listing";
    private static final int KEPT = 2;

    private final Path root;
    /** How often each directory of a model is held. Guarded by itself. */
    private final Map<Path, Integer> held = new HashMap<>();

    CachedModels(Path root) {
        this.root = root;
    }

    /** Brings files into a directory that is not yet the model's. */
    interface Filler {
        /**
         * Fetches files.
         *
         * @param missing objects by the file that each becomes
         */
        void fill(Map<Path, StoredObject> missing);
    }

    /** Returns a text with paths of files as those in a repository: the model, and what is in its directory. */
    String withoutPlaces(String text) {
        return text.replaceAll(Pattern.quote(root + "/") + "[^/]+/(" + Pattern.quote(PARTIAL) + "[^/]*|[0-9a-f]+)/",
                "");
    }

    /** Returns whether a directory is one of those here. */
    boolean holds(Path modelDirectory) {
        return modelDirectory.startsWith(root);
    }

    /** Returns the directory of a model in the state of that listing, where it was fetched before and is whole. */
    Optional<Path> find(String model, Listing listing) {
        Path state = root.resolve(model).resolve(listing.digest());
        if (!Files.isDirectory(state)) {
            return Optional.empty();
        }
        Path directory = state.resolve(model);
        if (isWhole(directory, state, listing)) {
            touch(model, state);
            return Optional.of(directory);
        }
        LOGGER.log(Level.WARNING, () -> "'" + state + "' is not as it was written; model '" + model
                + "' is fetched again");
        ModelCache.delete(state);
        return Optional.empty();
    }

    private static boolean isWhole(Path directory, Path state, Listing listing) {
        try {
            if (!Files.readAllLines(state.resolve(LISTING)).equals(listing.lines())) {
                return false;
            }
            for (Map.Entry<String, StoredObject> file : listing.files().entrySet()) {
                Path path = directory.resolve(file.getKey());
                if (!Files.isRegularFile(path) || Files.size(path) != file.getValue().size()) {
                    return false;
                }
            }
            return listing.directories().stream().allMatch(each -> Files.isDirectory(directory.resolve(each)));
        } catch (IOException e) {
            return false;
        }
    }

    /** Makes a state the newest, also where the others are of times that are still to come, as the clock was set back. */
    private void touch(String model, Path state) {
        long newest = states(model).stream().mapToLong(CachedModels::modified).max().orElse(0);
        try {
            Path ignored = Files.setLastModifiedTime(state,
                    FileTime.fromMillis(Math.max(System.currentTimeMillis(), newest + 1)));
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, "a time in the model cache", e);
        }
    }

    /** Returns the bytes that fetching a state needs on the disk: of files that no other state has. */
    long missingBytes(String model, Listing listing) {
        Set<String> known = known(model).keySet();
        return listing.files().entrySet().stream()
                .filter(file -> !known.contains(Listing.line(file.getKey(), file.getValue())))
                .mapToLong(file -> file.getValue().size()).sum();
    }

    /**
     * Adds a state of a model, and returns its directory. Where anything fails, nothing of it is left.
     *
     * @throws InferenceException what the local disk says
     */
    Path add(String model, Listing listing, Filler filler) {
        Path models = root.resolve(model);
        Path partial = null;
        try {
            Files.createDirectories(models);
            partial = Files.createTempDirectory(models, PARTIAL);
            Path directory = partial.resolve(model);
            filler.fill(prepare(model, directory, listing));
            Files.write(partial.resolve(LISTING), listing.lines());
            Path state = models.resolve(listing.digest());
            touch(model, partial);
            Files.move(partial, state, StandardCopyOption.ATOMIC_MOVE);
            prune(model);
            return state.resolve(model);
        } catch (IOException | UncheckedIOException e) {
            throw new InferenceException(StatusCode.INTERNAL, "model '" + model
                    + "' can't be written to the model cache: " + FileFailures.reason(e), e);
        } finally {
            if (partial != null && Files.exists(partial)) {
                ModelCache.delete(partial);
            }
        }
    }

    /** Makes the directories and links what other states have. Returns the rest. */
    private Map<Path, StoredObject> prepare(String model, Path directory, Listing listing) throws IOException {
        Files.createDirectories(directory);
        for (String each : listing.directories()) {
            Files.createDirectories(directory.resolve(each));
        }
        Map<String, Path> known = known(model);
        Map<Path, StoredObject> missing = new LinkedHashMap<>();
        Set<Path> made = new HashSet<>();
        for (Map.Entry<String, StoredObject> file : listing.files().entrySet()) {
            Path path = directory.resolve(file.getKey());
            Path parent = path.getParent();
            if (parent != null && made.add(parent)) {
                Files.createDirectories(parent);
            }
            Path same = known.get(Listing.line(file.getKey(), file.getValue()));
            if (same == null || !link(path, same, file.getValue().size())) {
                missing.put(path, file.getValue());
            }
        }
        return missing;
    }

    private static boolean link(Path path, Path existing, long size) throws IOException {
        try {
            if (!Files.isRegularFile(existing) || Files.size(existing) != size) {
                return false;
            }
            linkOrCopy(path, existing);
            return true;
        } catch (NoSuchFileException e) {
            // Its state may go meanwhile, as nobody holds it any more.
            return false;
        }
    }

    private static void linkOrCopy(Path path, Path existing) throws IOException {
        try {
            Files.createLink(path, existing);
        } catch (FileAlreadyExistsException e) {
            throw e;
        } catch (IOException | UnsupportedOperationException e) {
            // Not every file system has links.
            Files.copy(existing, path);
        }
    }

    /** Returns the files of all states of a model by their lines in a listing. */
    private Map<String, Path> known(String model) {
        Map<String, Path> known = new HashMap<>();
        for (Path state : states(model)) {
            try {
                for (String line : Files.readAllLines(state.resolve(LISTING))) {
                    String path = line.substring(line.lastIndexOf('\t') + 1);
                    known.put(line, state.resolve(model).resolve(path));
                }
            } catch (IOException e) {
                LOGGER.log(Level.DEBUG, "a state in the model cache", e);
            }
        }
        return known;
    }

    /** Returns the states of a model, the one that was used last first. */
    private List<Path> states(String model) {
        try (Stream<Path> entries = Files.list(root.resolve(model))) {
            Map<Path, Long> times = new HashMap<>();
            entries.filter(path -> !String.valueOf(path.getFileName()).startsWith(PARTIAL))
                    .forEach(path -> times.put(path, modified(path)));
            List<Path> states = new ArrayList<>(times.keySet());
            states.sort(Comparator.comparing(times::get, Comparator.reverseOrder()));
            return states;
        } catch (IOException | UncheckedIOException e) {
            return List.of();
        }
    }

    private static long modified(Path path) {
        try {
            return Files.getLastModifiedTime(path).toMillis();
        } catch (IOException e) {
            return 0;
        }
    }

    /** Keeps a model's directory until the result is closed. */
    HeldDirectory hold(String model, Path directory) {
        synchronized (held) {
            held.merge(directory, 1, Integer::sum);
        }
        return () -> {
            synchronized (held) {
                held.computeIfPresent(directory, (ignored, count) -> count == 1 ? null : count - 1);
            }
            prune(model);
        };
    }

    private void prune(String model) {
        List<Path> states = states(model);
        for (Path state : states.subList(Math.min(KEPT, states.size()), states.size())) {
            synchronized (held) {
                if (!held.containsKey(state.resolve(model))) {
                    ModelCache.delete(state);
                }
            }
        }
    }
}
