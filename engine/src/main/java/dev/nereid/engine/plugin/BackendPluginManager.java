package dev.nereid.engine.plugin;

import dev.nereid.backend.api.ApiVersion;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.Manifest;
import org.pf4j.DefaultPluginDescriptor;
import org.pf4j.DefaultPluginManager;
import org.pf4j.ManifestPluginDescriptorFinder;
import org.pf4j.PluginDescriptor;
import org.pf4j.PluginDescriptorFinder;
import org.pf4j.PluginLoader;

/**
 * PF4J, set up for backends or caches: a plugin is a directory of jars or one jar, its id is its name, and its class
 * loader sees the contract and the JDK and nothing else of the server.
 */
final class BackendPluginManager extends DefaultPluginManager {
    private final PluginKind kind;

    BackendPluginManager(PluginKind kind) {
        super(List.of());
        this.kind = kind;
        setSystemVersion(ApiVersion.MAJOR + "." + ApiVersion.MINOR + ".0");
    }

    @Override
    protected PluginDescriptorFinder createPluginDescriptorFinder() {
        return new DescriptorFinder();
    }

    @Override
    protected PluginLoader createPluginLoader() {
        return new Loader();
    }

    /** Reads the manifest of the plugin's main jar; what it leaves out has a default. */
    private final class DescriptorFinder extends ManifestPluginDescriptorFinder {
        @Override
        public boolean isApplicable(Path path) {
            return true;
        }

        @Override
        public PluginDescriptor find(Path path) {
            PluginFiles files = PluginFiles.of(kind, path);
            Descriptor descriptor = new Descriptor(files.name());
            Manifest manifest = files.mainJar().manifest();
            String version = manifest.getMainAttributes().getValue(PLUGIN_VERSION);
            descriptor.version(version == null ? "0.0.0" : version);
            String requires = manifest.getMainAttributes().getValue(PLUGIN_REQUIRES);
            descriptor.requires(requires == null ? "*" : requires);
            return descriptor;
        }
    }

    private static final class Descriptor extends DefaultPluginDescriptor {
        Descriptor(String id) {
            setPluginId(id);
        }

        void version(String version) {
            setPluginVersion(version);
        }

        void requires(String range) {
            setRequires(range);
        }
    }

    private final class Loader implements PluginLoader {
        @Override
        public boolean isApplicable(Path path) {
            return true;
        }

        @Override
        public ClassLoader loadPlugin(Path path, PluginDescriptor descriptor) {
            return BackendClassLoader.create(BackendPluginManager.this, descriptor, PluginFiles.of(kind, path));
        }
    }
}
