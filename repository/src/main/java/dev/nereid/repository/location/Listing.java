package dev.nereid.repository.location;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.StoredObject;
import dev.nereid.repository.config.ModelFiles;
import dev.nereid.repository.config.PathGuard;
import dev.nereid.repository.config.Printable;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The objects of a model, as one listing told of them. Their names come from outside: each is the path of a file in the
 * model's directory, or the model is refused.
 *
 * @param files the objects by path
 * @param directories paths of directories that objects stand for; those that files are in need none
 */
record Listing(SortedMap<String, StoredObject> files, SortedSet<String> directories) {
    /** More are not those of one model. */
    static final int MAX_OBJECTS = 100_000;
    private static final int MAX_NAME_BYTES = 255;
    private static final int DIGEST_CHARACTERS = 24;

    /**
     * Asks for the objects of a model.
     *
     * @throws InferenceException with the name of an object that can't be a file
     */
    static Listing of(ObjectStore store, String model) {
        TreeMap<String, StoredObject> files = new TreeMap<>();
        TreeSet<String> directories = new TreeSet<>();
        store.list(model, object -> {
            add(model, object, files, directories);
            return files.size() + directories.size() <= MAX_OBJECTS;
        });
        if (files.size() + directories.size() > MAX_OBJECTS) {
            throw InferenceException.invalid("model '" + model + "' has more than " + MAX_OBJECTS
                    + " objects; is this the directory of one model?");
        }
        checkParents(model, files, directories);
        return new Listing(files, directories);
    }

    private static void add(String model, StoredObject object, TreeMap<String, StoredObject> files,
            TreeSet<String> directories) {
        String key = object.key();
        boolean isDirectory = key.isEmpty() || key.endsWith("/");
        String path = isDirectory && !key.isEmpty() ? key.substring(0, key.length() - 1) : key;
        if (isDirectory && object.size() > 0) {
            throw refused(model, key, "it has " + object.size() + " bytes, but its name is that of a directory");
        }
        if (path.isEmpty() && key.isEmpty()) {
            // Stands for the model's own directory.
            directories.add("");
            return;
        }
        checkPath(model, key, path);
        int slash = path.indexOf('/');
        if (ModelFiles.isLeftByTools(slash < 0 ? path : path.substring(0, slash))) {
            return;
        }
        if (isDirectory) {
            directories.add(path);
        } else if (files.put(path, object) != null) {
            throw refused(model, key, "it was listed twice");
        }
    }

    private static void checkPath(String model, String key, String path) {
        if (path.chars().anyMatch(Character::isISOControl)) {
            throw refused(model, key, "its name has a control character");
        }
        for (String element : path.split("/", -1)) {
            if (element.isEmpty() || element.equals(".") || element.equals("..")) {
                throw refused(model, key, "its name has the element '" + element
                        + "', which is none of a path inside the model's directory");
            }
            if (element.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES) {
                throw refused(model, key, "its name has an element of more than " + MAX_NAME_BYTES + " bytes");
            }
        }
        if (!PathGuard.isRelative(path)) {
            throw refused(model, key, "its name is not that of a file inside the model's directory");
        }
    }

    private static void checkParents(String model, TreeMap<String, StoredObject> files, TreeSet<String> directories) {
        for (String directory : directories) {
            if (files.containsKey(directory)) {
                throw refused(model, directory, "there is a directory of that name, too");
            }
            checkParents(model, directory, files);
        }
        files.keySet().forEach(path -> checkParents(model, path, files));
    }

    private static void checkParents(String model, String path, TreeMap<String, StoredObject> files) {
        for (int slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
            String parent = path.substring(0, slash);
            if (files.containsKey(parent)) {
                throw refused(model, parent, "there are objects in a directory of that name, too");
            }
        }
    }

    private static InferenceException refused(String model, String key, String reason) {
        return InferenceException.invalid("object '" + Printable.escape(key) + "' of model '" + model
                + "' can't be a file: " + reason + "; remove or rename it");
    }

    /** Returns whether nothing is there. */
    boolean isEmpty() {
        return files.isEmpty() && directories.isEmpty();
    }

    /** Returns the size of all files in bytes. */
    long bytes() {
        return files.values().stream().mapToLong(StoredObject::size).sum();
    }

    /** Returns one line for each file and directory: what tells this listing from others. */
    List<String> lines() {
        List<String> lines = new ArrayList<>();
        files.forEach((path, object) -> lines.add(line(path, object)));
        directories.forEach(directory -> lines.add("directory\t\t" + directory));
        return lines;
    }

    /** Returns the line of a file: equal lines are equal contents. */
    static String line(String path, StoredObject object) {
        return object.size() + "\t" + Printable.escape(object.etag()) + "\t" + path;
    }

    /** Returns a name for what the listing tells of. */
    String digest() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            lines().forEach(line -> digest.update((line + "\n").getBytes(StandardCharsets.UTF_8)));
            return HexFormat.of().formatHex(digest.digest()).substring(0, DIGEST_CHARACTERS);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
