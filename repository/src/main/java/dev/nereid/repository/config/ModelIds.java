package dev.nereid.repository.config;

import dev.nereid.repository.config.proto.ConfigProto.ModelEnsembling.Step;

/**
 * What models of several repositories are told apart by: {@code <namespace>::<name>}, where the namespace is the path of the
 * repository as it was given; just the name where there are no namespaces.
 */
public final class ModelIds {
    private static final String SEPARATOR = "::";

    private ModelIds() {
    }

    /** Returns the id of a model; its name where the namespace is empty. */
    public static String of(String namespace, String name) {
        return namespace.isEmpty() ? name : namespace + SEPARATOR + name;
    }

    /** Returns the id of the model of a step whose namespace is filled in, where there are any. */
    public static String of(Step step) {
        return of(step.getModelNamespace(), step.getModelName());
    }

    /** Returns the namespace of an id; empty for one that is just a name. */
    public static String namespace(String id) {
        int separator = separator(id);
        return separator < 0 ? "" : id.substring(0, separator);
    }

    /** Returns the name of an id. */
    public static String name(String id) {
        int separator = separator(id);
        return separator < 0 ? id : id.substring(separator + SEPARATOR.length());
    }

    /** Returns whether ids with that namespace can be read again. */
    public static boolean isNamespace(String path) {
        return !path.isEmpty() && path.indexOf(SEPARATOR, path.lastIndexOf('/') + 1) < 0 && !path.endsWith(":");
    }

    /** Names of models have no slash. */
    private static int separator(String id) {
        return id.indexOf(SEPARATOR, id.lastIndexOf('/') + 1);
    }
}
