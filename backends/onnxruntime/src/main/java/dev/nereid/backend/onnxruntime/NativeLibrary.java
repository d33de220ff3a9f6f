package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.FileErrors;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * ONNX Runtime's native library, unpacked from the jar that lies beside the plugin. Once loaded it stays until the process
 * ends.
 */
final class NativeLibrary {
    private static final Logger LOGGER = System.getLogger(NativeLibrary.class.getName());
    private static final String MAIN = "onnxruntime";
    private static final String TEMPORARY = " (NEREID_JAVA_OPTIONS=-Djava.io.tmpdir=<directory> names another)";

    /** What the jar for GPUs holds beside the library, which opens them by itself from where it lies. */
    private static final String[] PROVIDERS = {"onnxruntime_providers_shared", "onnxruntime_providers_cuda"};

    private NativeLibrary() {
    }

    /**
     * Loads the library.
     *
     * @throws InferenceException UNAVAILABLE when that is not possible on this machine
     */
    static SymbolLookup load() {
        String platform = platform(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
        Path directory;
        try {
            directory = Files.createTempDirectory("nereid-onnxruntime");
        } catch (IOException e) {
            throw new InferenceException(StatusCode.UNAVAILABLE,
                    "ONNX Runtime's native library can't be unpacked into the temporary directory: "
                            + FileErrors.reason(e)
                            + TEMPORARY,
                    e);
        }
        boolean hasProviders = false;
        try {
            Path library = unpack(platform, MAIN, directory);
            for (String provider : PROVIDERS) {
                if (NativeLibrary.class.getResource(resource(platform, provider)) != null) {
                    unpack(platform, provider, directory).toFile().deleteOnExit();
                    hasProviders = true;
                }
            }
            return open(library);
        } finally {
            // The library is mapped already; only what it may still open by itself has to stay.
            delete(directory.resolve(System.mapLibraryName(MAIN)));
            if (hasProviders) {
                directory.toFile().deleteOnExit();
            } else {
                delete(directory);
            }
        }
    }

    /** Returns the name of the directory in the jar. */
    static String platform(String osName, String osArch) {
        String os = osName.toLowerCase(Locale.ROOT);
        String arch = osArch.toLowerCase(Locale.ROOT);
        return (os.contains("linux") ? "linux" : os.contains("mac") ? "osx" : os.contains("win") ? "win" : os) + "-"
                + (arch.equals("amd64") || arch.equals("x86_64") ? "x64" : arch);
    }

    private static String resource(String platform, String library) {
        return "/ai/onnxruntime/native/" + platform + "/" + System.mapLibraryName(library);
    }

    private static Path unpack(String platform, String library, Path directory) {
        Path file = directory.resolve(System.mapLibraryName(library));
        try (InputStream content = NativeLibrary.class.getResourceAsStream(resource(platform, library))) {
            if (content == null) {
                throw InferenceException.unavailable("ONNX Runtime has no native library for this platform, " + platform
                        + ", or its jar is missing beside the backend");
            }
            Files.copy(content, file);
            return file;
        } catch (IOException e) {
            LOGGER.log(Level.ERROR, "ONNX Runtime's native library can't be unpacked to " + file, e);
            throw InferenceException.unavailable("ONNX Runtime's native library can't be unpacked into the temporary"
                    + " directory: " + FileErrors.reason(e) + TEMPORARY);
        }
    }

    @SuppressWarnings("restricted") // calling native code is what this package is for
    private static SymbolLookup open(Path library) {
        try {
            return SymbolLookup.libraryLookup(library, Arena.global());
        } catch (IllegalArgumentException e) {
            LOGGER.log(Level.ERROR, "ONNX Runtime's native library can't be loaded", e);
            throw InferenceException.unavailable("ONNX Runtime's native library can't be loaded on this machine: "
                    + (FileErrors.forbidsExecution(library.resolveSibling(""))
                            ? "the temporary directory, which it is unpacked into, is mounted with noexec, so nothing"
                                    + " in it can be run as code" + TEMPORARY
                            : "a library that it needs is missing (it wants glibc 2.28 or newer on Linux)"));
        }
    }

    private static void delete(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            path.toFile().deleteOnExit();
        }
    }
}
