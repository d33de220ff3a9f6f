package dev.nereid.engine.plugin;

import dev.nereid.backend.api.BackendFactory;
import org.pf4j.ClassLoadingStrategy;
import org.pf4j.PluginClassLoader;
import org.pf4j.PluginDescriptor;
import org.pf4j.PluginManager;

/**
 * The class loader of one backend. The contract always comes from the server; everything else comes from the plugin's
 * own jars or the JDK, so that two backends may use different versions of one library, and none depends on what the
 * server happens to use.
 */
final class BackendClassLoader extends PluginClassLoader {
    private static final String CONTRACT = "dev.nereid.backend.api.";

    private BackendClassLoader(PluginManager manager, PluginDescriptor descriptor) {
        super(manager, descriptor, new ContractOnly(), ClassLoadingStrategy.PDA);
    }

    static BackendClassLoader create(PluginManager manager, PluginDescriptor descriptor, PluginFiles files) {
        BackendClassLoader loader = new BackendClassLoader(manager, descriptor);
        files.jars().forEach(jar -> loader.addFile(jar.path().toFile()));
        return loader;
    }

    @Override
    protected boolean shouldDelegateToParent(String className) {
        return className.startsWith(CONTRACT) || super.shouldDelegateToParent(className);
    }

    /** What a backend sees of the server: the contract, PF4J and JSpecify; and the JDK. */
    private static final class ContractOnly extends ClassLoader {
        ContractOnly() {
            super(ClassLoader.getPlatformClassLoader());
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            if (name.startsWith(CONTRACT) || name.startsWith("org.pf4j.")
                    || name.startsWith("org.jspecify.annotations.")) {
                return Class.forName(name, false, BackendFactory.class.getClassLoader());
            }
            throw new ClassNotFoundException(name);
        }
    }
}
