package dev.nereid.engine.plugin;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.InferenceException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.pf4j.ExtensionPoint;
import org.pf4j.PluginState;

/** Finds a plugin by its name, and makes what it contributes, for plugins of which there is one by a name. Stateless. */
final class PluginFactory {
    private static final Logger LOGGER = System.getLogger(PluginFactory.class.getName());

    private PluginFactory() {
    }

    /**
     * Returns the plugin's factory; its constructor has no side effects.
     *
     * @param directory where plugins are
     * @param type the interface of the factory
     * @param advice what to do where there is no such plugin
     * @throws InferenceException with what is wrong, when it can't be found or loaded
     */
    static <T extends ExtensionPoint> T load(PluginKind kind, String name, Path directory, Class<T> type,
            String advice) {
        Path folder = directory.resolve(name);
        Path jar = directory.resolve(name + ".jar");
        if (!Backends.isName(name) || (!Files.isDirectory(folder) && !Files.isRegularFile(jar))) {
            throw InferenceException.invalid("unable to find " + kind.named(name)
                    + ": there is neither a directory '" + name + "' nor '" + name + ".jar' in " + directory + "; "
                    + advice);
        }
        PluginFiles files = PluginFiles.of(kind, Files.isDirectory(folder) ? folder : jar);
        files.check();
        LOGGER.log(Level.INFO, () -> "opening " + kind.named(name) + " from " + files.path());
        Class<? extends T> found = factoryClass(kind, name, files, type);
        return PluginCalls.call(kind.named(name), "start", found.getClassLoader(), () -> construct(kind, found, name));
    }

    private static <T extends ExtensionPoint> Class<? extends T> factoryClass(PluginKind kind, String name,
            PluginFiles files, Class<T> type) {
        BackendPluginManager plugins = new BackendPluginManager(kind);
        String who = kind.named(name);
        try {
            plugins.loadPlugin(files.path());
            if (plugins.startPlugin(name) != PluginState.STARTED) {
                throw InferenceException.invalid(who + " requires backend API "
                        + plugins.getPlugin(name).getDescriptor().getRequires() + ", this server offers "
                        + plugins.getSystemVersion());
            }
            List<Class<? extends T>> types = plugins.getExtensionClasses(type, name);
            if (types.size() != 1) {
                throw InferenceException.invalid(who + " offers " + types.size() + " " + kind.noun()
                        + " factories, expected 1: one public class that implements " + kind.contract()
                        + ", has a public constructor without parameters and is annotated with @Extension");
            }
            return types.getFirst();
        } catch (InferenceException e) {
            throw e;
        } catch (RuntimeException | LinkageError e) {
            // PF4J and what it reads versions with have many kinds of errors.
            LOGGER.log(Level.ERROR, who + " can't be loaded", e);
            throw InferenceException.invalid(who + " can't be loaded: " + e.getMessage());
        }
    }

    private static <T> T construct(PluginKind kind, Class<? extends T> type, String name) {
        try {
            return type.getConstructor().newInstance();
        } catch (ReflectiveOperationException e) {
            LOGGER.log(Level.DEBUG, "the factory of " + kind.named(name), e);
            throw InferenceException.invalid(kind.named(name) + ": its factory can't be created; it must be a public "
                    + "class with a public constructor without parameters");
        }
    }

    /**
     * Refuses a factory that can't be used here.
     *
     * @param name the plugin's name
     * @param builtFor the version of the contract that the factory was built for
     * @param ownName what the factory says that its name is
     */
    static void check(PluginKind kind, String name, ApiVersion builtFor, String ownName) {
        ApiVersion server = new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        if (!server.canRun(builtFor)) {
            throw InferenceException.invalid(kind.named(name) + " was built for version " + builtFor
                    + " of the backend API, this server offers " + server + "; build it against that version");
        }
        if (!ownName.equals(name)) {
            throw InferenceException.invalid(kind.named(name) + ": its factory says that its name is '" + ownName
                    + "'; directory or jar must have that name");
        }
    }
}
