package dev.nereid.engine.plugin;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.FileFailures;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The files and classes of a backend that came with a model and goes with it.
 *
 * @param name the backend's name
 * @param jar the jar in the model's directory
 * @param user the model that it was started for
 * @param directory holds the copy that classes are loaded from
 * @param plugins knows this backend only
 */
record ModelBackend(String name, Path jar, String user, Path directory, BackendPluginManager plugins)
        implements
            AutoCloseable {
    private static final Logger LOGGER = System.getLogger(ModelBackend.class.getName());

    /** Copies the jar, so that its file may be replaced while classes are still loaded from it. */
    static ModelBackend copy(String name, Path jar, String user) {
        try {
            Path directory = Files.createTempDirectory("nereid-backend-");
            ModelBackend own = new ModelBackend(name, jar, user, directory,
                    new BackendPluginManager(PluginKind.BACKEND));
            try {
                Files.copy(jar, own.copy());
                return own;
            } catch (IOException e) {
                own.close();
                throw e;
            }
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INTERNAL,
                    "backend '" + name + "': its jar can't be copied: " + FileFailures.pathAndReason(e), e);
        }
    }

    /** Returns the jar that classes are loaded from. */
    Path copy() {
        return directory.resolve(name + ".jar");
    }

    /** Closes the class loader and deletes the copy. */
    @Override
    public void close() {
        synchronized (plugins) {
            if (plugins.getPlugin(name) != null) {
                plugins.unloadPlugin(name);
            }
        }
        try {
            Files.deleteIfExists(copy());
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            LOGGER.log(Level.WARNING,
                    () -> "the copy of backend '" + name + "' can't be deleted: " + FileFailures.pathAndReason(e));
        }
    }
}
