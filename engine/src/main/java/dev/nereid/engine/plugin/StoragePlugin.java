package dev.nereid.engine.plugin;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.ObjectStoreContext;
import dev.nereid.backend.api.storage.ObjectStoreFactory;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StoredObject;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** A place in object storage of a kind that comes as a plugin. Threads: any. */
public final class StoragePlugin implements ObjectStore {
    private final String who;
    private final ObjectStore store;
    private final ClassLoader loader;

    private StoragePlugin(String who, ObjectStore store, ClassLoader loader) {
        this.who = who;
        this.store = store;
        this.loader = loader;
    }

    /**
     * Returns the plugin for a kind of object storage.
     *
     * @param directory where plugins are
     * @throws InferenceException with what is wrong, when it can't be found or loaded
     */
    public static ObjectStoreFactory load(String name, Path directory) {
        return PluginFactory.load(PluginKind.LOCATION, name, directory, ObjectStoreFactory.class,
                "it reads model repositories in object storage and comes with the server");
    }

    /**
     * Opens a place.
     *
     * @param name the plugin's name
     * @param credentials the entry of the file of credentials that is meant for it; empty for none
     * @throws InferenceException with what is wrong
     */
    public static ObjectStore open(String name, ObjectStoreFactory factory, String location,
            Map<String, String> credentials, Map<String, String> environment) {
        String who = PluginKind.LOCATION.named(name);
        ClassLoader loader = factory.getClass().getClassLoader();
        return new StoragePlugin(who, PluginCalls.call(who, "open '" + location + "'", loader, () -> {
            PluginFactory.check(PluginKind.LOCATION, name, factory.builtFor(), factory.name());
            return factory.open(new Context(location, credentials, environment));
        }), loader);
    }

    @Override
    public String description() {
        return PluginCalls.call(who, "say where it is", loader, store::description);
    }

    @Override
    public Set<String> directories() {
        return PluginCalls.call(who, "list models", loader, () -> Set.copyOf(store.directories()));
    }

    @Override
    public void list(String directory, Predicate<StoredObject> each) {
        Boolean ignored = PluginCalls.call(who, "list objects", loader, () -> {
            store.list(directory, each);
            return Boolean.TRUE;
        });
    }

    @Override
    public InputStream read(String directory, StoredObject object, long offset, long length) {
        return PluginCalls.call(who, "read an object", loader, () -> {
            try {
                return store.read(directory, object, offset, length);
            } catch (IOException e) {
                throw new StorageException(StorageException.Kind.UNAVAILABLE, String.valueOf(e.getMessage()), e);
            }
        });
    }

    @Override
    public void close() {
        PluginCalls.close(who, loader, store);
    }

    private record Context(String location, Map<String, String> credentials, Map<String, String> environment)
            implements
                ObjectStoreContext {
        Context {
            credentials = Map.copyOf(credentials);
            environment = Map.copyOf(environment);
        }

        @Override
        public ApiVersion serverApi() {
            return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        }
    }
}
