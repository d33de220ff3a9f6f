package dev.nereid.backend.pytorch;

import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * The versions of JavaCPP and OpenBLAS that this backend is built and tested with.
 *
 * <p>JavaCPP warns where the version of its own in OpenBLAS's name is not its own. That is so here on purpose: the OpenBLAS
 * that libtorch's bindings ask for was never published. So JavaCPP is kept from looking while exactly the tested pair is
 * there; with any other it looks, and warns.
 */
public final class TestedBindings {
    /** JavaCPP's setting that no library is to be loaded; it doesn't compare versions then, either. */
    private static final String LOADING = "org.bytedeco.javacpp.loadlibraries";
    private static final String COMPARING = "org.bytedeco.openblas.presets.openblas_nolapack";

    private TestedBindings() {
    }

    /**
     * Prepares for the first use of libtorch's bindings; must come before it. Loads nothing.
     */
    public static void expect() {
        if (!areThere()) {
            return;
        }
        String before = System.setProperty(LOADING, "false");
        try {
            // Compares versions when it is initialised, and does nothing else.
            Class.forName(COMPARING, true, TestedBindings.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException(e);
        } finally {
            if (before == null) {
                System.clearProperty(LOADING);
            } else {
                System.setProperty(LOADING, before);
            }
        }
    }

    private static boolean areThere() {
        Properties tested = read("tested-bindings.properties");
        return areThere(tested, versionOf("javacpp"), versionOf("openblas"));
    }

    static boolean areThere(Properties tested, @Nullable String javacpp, @Nullable String openblas) {
        return javacpp != null && openblas != null && javacpp.equals(tested.getProperty("javacpp"))
                && openblas.equals(tested.getProperty("openblas"));
    }

    private static @Nullable String versionOf(String artifact) {
        return read("/META-INF/maven/org.bytedeco/" + artifact + "/pom.properties").getProperty("version");
    }

    private static Properties read(String resource) {
        Properties properties = new Properties();
        try (InputStream content = TestedBindings.class.getResourceAsStream(resource)) {
            if (content != null) {
                properties.load(content);
            }
        } catch (IOException e) {
            throw new IllegalStateException("'" + resource + "' can't be read", e);
        }
        return properties;
    }
}
