package dev.nereid.engine;

import dev.nereid.backend.api.BackendFactory;
import java.nio.file.Path;

/** Where an engine has a backend from. */
public sealed interface BackendSource {
    /**
     * A directory with backends, each a jar or a directory of jars with the backend's name. Each has a class loader of its
     * own.
     */
    record Directory(Path path) implements BackendSource {
    }

    /**
     * A backend that is on the program's own class path. It is started with the first model that asks for it by the name
     * that the factory tells, and goes before one of that name in a directory.
     */
    record InProcess(BackendFactory factory) implements BackendSource {
    }

    /** Returns the backends of a directory. */
    static BackendSource directory(Path path) {
        return new Directory(path);
    }

    /** Returns a backend that is on the program's own class path. */
    static BackendSource of(BackendFactory factory) {
        return new InProcess(factory);
    }
}
