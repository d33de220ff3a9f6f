package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.FileErrors;
import dev.nereid.backend.api.InferenceException;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;

/**
 * An installation of libtorch that is used instead of the packaged one: the {@code lib} directory of a Python wheel or of
 * a libtorch archive. It is checked before any of it is loaded, since a library of another version would end the
 * process rather than fail.
 *
 * @param libraries the directory that holds {@code libtorch_cpu.so}
 */
record OwnLibtorch(Path libraries) {
    private static final Logger LOGGER = System.getLogger(OwnLibtorch.class.getName());

    private static final String MAIN_LIBRARY = System.mapLibraryName("torch_cpu");
    private static final List<String> LIBRARIES = List.of(MAIN_LIBRARY, System.mapLibraryName("c10"),
            System.mapLibraryName("torch"));
    private static final String BINDINGS = System.mapLibraryName("jnitorch");
    private static final List<String> EXTENSIONS = List.of("-gpu", "");

    /**
     * Checks the directory that the setting names; the directory above it will do too.
     *
     * @throws InferenceException UNAVAILABLE with what is wrong
     */
    static OwnLibtorch of(String setting) {
        Path named = Path.of(setting);
        Path inner = named.resolve("lib");
        Path libraries = Files.exists(inner.resolve(MAIN_LIBRARY)) && !Files.exists(named.resolve(MAIN_LIBRARY))
                ? inner
                : named;
        if (!Files.isDirectory(libraries)) {
            throw unusable(named, "is no directory");
        }
        for (String library : LIBRARIES) {
            if (!Files.isRegularFile(libraries.resolve(library))) {
                throw unusable(named, "holds no " + library);
            }
        }
        Optional<String> version;
        try {
            version = LibtorchVersion.of(libraries, MAIN_LIBRARY);
        } catch (IOException e) {
            throw unusable(named, "can't be read (" + FileErrors.reason(e) + ")");
        }
        if (!version.equals(Optional.of(LibtorchVersion.wanted()))) {
            throw unusable(named, version.map(text -> "holds version " + text).orElse("does not tell its version"));
        }
        return new OwnLibtorch(libraries);
    }

    private static InferenceException unusable(Path directory, String what) {
        LOGGER.log(Level.ERROR, () -> "backend setting " + TorchSettings.LIBRARY_PATH + ": " + directory + " " + what);
        return InferenceException.unavailable("the libtorch that the backend setting '" + TorchSettings.LIBRARY_PATH
                + "' names can't be used: the directory " + what + ", expected libtorch " + LibtorchVersion.wanted());
    }

    /**
     * Loads libtorch from here.
     *
     * <p>The library that holds the bindings is copied to a place of its own first: JavaCPP would otherwise put links
     * to this installation beside it, into the directory where other processes keep the packaged libtorch.
     *
     * @return where the bindings were loaded from
     * @throws InferenceException UNAVAILABLE when libtorch is in this process already
     */
    String load(Class<?> bindings) throws IOException {
        Path place = bindingsPlace(bindings);
        Map<String, String> properties = new LinkedHashMap<>();
        properties.put("org.bytedeco.javacpp.pathsFirst", "true");
        properties.put("org.bytedeco.javacpp.platform.preloadpath",
                place + File.pathSeparator + libraries.toAbsolutePath());
        Map<String, @Nullable String> before = new LinkedHashMap<>();
        properties.forEach((key, value) -> before.put(key, System.setProperty(key, value)));
        String loaded;
        try {
            // JavaCPP reads the properties once, when its loader is first used.
            TestedBindings.expect();
            loaded = Loader.load(bindings);
        } finally {
            before.forEach(OwnLibtorch::restore);
        }
        if (!Path.of(loaded).startsWith(place)) {
            throw InferenceException.unavailable("the backend setting '" + TorchSettings.LIBRARY_PATH
                    + "' comes too late: libtorch is in this process already");
        }
        return loaded;
    }

    private static void restore(String key, @Nullable String value) {
        if (value == null) {
            System.clearProperty(key);
        } else {
            System.setProperty(key, value);
        }
    }

    /** Returns a directory that holds the bindings' own library and nothing else. */
    private static Path bindingsPlace(Class<?> bindings) throws IOException {
        Path place = LibraryCache.directory().resolve("own-libtorch-" + LibtorchVersion.wanted());
        Files.createDirectories(place);
        Path fresh = Files.createTempFile(place, "jnitorch", ".tmp");
        try (InputStream content = bindingsLibrary(bindings)) {
            Files.copy(content, fresh, StandardCopyOption.REPLACE_EXISTING);
            Files.move(fresh, place.resolve(BINDINGS), StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(fresh);
        }
        return place.toRealPath();
    }

    private static InputStream bindingsLibrary(Class<?> bindings) throws IOException {
        String platform = Loader.Detector.getPlatform();
        for (String extension : EXTENSIONS) {
            InputStream content = bindings
                    .getResourceAsStream("/org/bytedeco/pytorch/" + platform + extension + "/" + BINDINGS);
            if (content != null) {
                return content;
            }
        }
        throw new IOException("the plugin holds no bindings for " + platform);
    }
}
