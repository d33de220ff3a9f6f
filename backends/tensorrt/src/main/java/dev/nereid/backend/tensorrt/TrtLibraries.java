package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.tensorrt.LibrarySearch.Way;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;

/**
 * The libraries that this backend needs: the driver, CUDA's run time, and TensorRT, each found in one of three ways, in
 * this order: a system installation, the directory of {@code library-path}, the jar that the Maven profile
 * {@code tensorrt-redist} puts beside the plugin.
 */
final class TrtLibraries {
    private static final Logger LOG = System.getLogger(TrtLibraries.class.getName());
    private static final String NVINFER = "libnvinfer.so." + TrtVersion.BINDINGS.major();
    private static final String PLUGINS = "libnvinfer_plugin.so." + TrtVersion.BINDINGS.major();
    private static final String CUDART = "libcudart.so.13";
    private static final String DRIVER = "libcuda.so.1";
    private static final String DRIVER_ADVICE = "install the NVIDIA driver (version 580 or newer), or run the container"
            + " with access to the GPUs";

    private final LibrarySearch driver;
    private final LibrarySearch cudart;
    private final LibrarySearch nvinfer;
    private final LibrarySearch plugins;

    private TrtLibraries(LibrarySearch driver, LibrarySearch cudart, LibrarySearch nvinfer, LibrarySearch plugins) {
        this.driver = driver;
        this.cudart = cudart;
        this.nvinfer = nvinfer;
        this.plugins = plugins;
    }

    /** Searches for the libraries and opens those that are there. */
    static TrtLibraries find(TrtSettings settings) {
        return find(settings, DynamicLinker::open);
    }

    static TrtLibraries find(TrtSettings settings, Function<String, DynamicLinker.Opened> linker) {
        // The order matters: each one needs those before it.
        return new TrtLibraries(LibrarySearch.of(DRIVER, List.of(system(DRIVER, List.of())), linker),
                LibrarySearch.of(CUDART, ways(settings, CUDART, List.of("/usr/local/cuda-13.3/lib64",
                        "/usr/local/cuda/lib64")), linker),
                LibrarySearch.of(NVINFER, ways(settings, NVINFER, trtDirectories()), linker),
                LibrarySearch.of(PLUGINS, ways(settings, PLUGINS, trtDirectories()), linker));
    }

    private static List<String> trtDirectories() {
        return List.of("/usr/local/tensorrt/lib", "/opt/tensorrt/lib",
                "/usr/local/TensorRT-" + TrtVersion.BINDINGS + "."
                        + org.bytedeco.tensorrt.global.nvinfer.NV_TENSORRT_BUILD
                        + "/lib");
    }

    private static List<Way> ways(TrtSettings settings, String library, List<String> directories) {
        List<Way> ways = new ArrayList<>(List.of(system(library, directories)));
        settings.libraryPath().ifPresent(directory -> ways.add(new Way(TrtSettings.LIBRARY_PATH,
                () -> List.of(directory.resolve(library).toString()))));
        if (!library.equals(CUDART)) {
            ways.add(new Way("Maven profile tensorrt-redist", () -> bundled(library)));
        }
        return ways;
    }

    private static Way system(String library, List<String> directories) {
        return new Way("system installation", () -> Stream.concat(directories.stream()
                .map(directory -> Path.of(directory, library)).filter(Files::exists).map(Path::toString),
                Stream.of(library)).toList());
    }

    private static List<String> bundled(String library) {
        URL resource = TrtLibraries.class.getResource("/org/bytedeco/tensorrt/" + Loader.getPlatform() + "/" + library);
        if (resource == null) {
            return List.of();
        }
        try {
            return List.of(Loader.cacheResource(resource).getPath());
        } catch (IOException e) {
            LOG.log(Level.WARNING, () -> library + " can't be unpacked", e);
            return List.of();
        }
    }

    /**
     * Checks that everything is there, in a version that works.
     *
     * @throws InferenceException UNAVAILABLE with what is missing and the way out
     */
    void require() {
        Optional<Finding> problem = findings().stream().filter(Finding::isProblem).findFirst();
        LOG.log(problem.isPresent() ? Level.WARNING : Level.INFO, () -> "TensorRT's libraries: "
                + String.join("; ", Stream.of(driver, cudart, nvinfer, plugins)
                        .map(search -> search.library() + " by " + search.story()).toList()));
        if (problem.isPresent()) {
            throw InferenceException
                    .unavailable("TensorRT can't run on this machine: " + problem.get().sentence() + "; "
                            + problem.get().diagnosis().advice());
        }
    }

    /** Returns what was found, for {@code nereid doctor}. */
    List<Diagnosis> diagnoses() {
        return findings().stream().map(Finding::diagnosis).toList();
    }

    /**
     * What was found of one library.
     *
     * @param diagnosis with paths, for who runs the server
     * @param sentence without, for clients; empty where it is no problem
     */
    private record Finding(Diagnosis diagnosis, String sentence) {
        boolean isProblem() {
            return diagnosis.verdict() == Diagnosis.Verdict.PROBLEM;
        }

        static Finding ok(String subject, String found) {
            return new Finding(Diagnosis.ok(subject, found), "");
        }

        static Finding missing(String subject, LibrarySearch search, String advice) {
            return new Finding(
                    Diagnosis.problem(subject, notFound(search), advice),
                    subject + " was not found (" + search.library() + ")");
        }
    }

    private static String notFound(LibrarySearch search) {
        return search.library() + " was not found; tried: " + search.story();
    }

    private List<Finding> findings() {
        List<Finding> findings = new ArrayList<>();
        findings.add(driver.isFound()
                ? Finding.ok("the NVIDIA driver", cudaVersion(driver, "cuDriverGetVersion"))
                : Finding.missing("the NVIDIA driver", driver, DRIVER_ADVICE));
        findings.add(cudart.isFound()
                ? Finding.ok("CUDA's run time", cudaVersion(cudart, "cudaRuntimeGetVersion"))
                : Finding.missing("CUDA's run time", cudart, "install CUDA 13, or put " + CUDART
                        + " into the directory of --backend-config=tensorrt,library-path=<directory>"));
        findings.add(nvinferFinding());
        findings.add(plugins.isFound()
                ? Finding.ok("TensorRT's plugins", plugins.found())
                : new Finding(Diagnosis.warning("TensorRT's plugins", notFound(plugins),
                        "engines with layers of these plugins need them"), ""));
        return findings;
    }

    private Finding nvinferFinding() {
        Optional<TrtVersion> version = version();
        String wanted = TrtVersion.BINDINGS.major() + "." + TrtVersion.BINDINGS.minor();
        if (version.isEmpty()) {
            return Finding.missing("TensorRT " + wanted, nvinfer, "install it, or name its directory with"
                    + " --backend-config=tensorrt,library-path=<directory>, or build the server with -Ptensorrt-redist");
        }
        TrtVersion found = version.get();
        if (found.major() == TrtVersion.BINDINGS.major() && found.minor() >= TrtVersion.BINDINGS.minor()) {
            return Finding.ok("TensorRT", found + " by " + nvinfer.found());
        }
        String sentence = "TensorRT has version " + found + ", expected " + wanted;
        return new Finding(Diagnosis.problem("TensorRT", found + " by " + nvinfer.found() + ", expected " + wanted,
                "install TensorRT " + wanted), sentence);
    }

    /** Returns the version of the TensorRT library, where one was found. */
    Optional<TrtVersion> version() {
        return nvinfer.opened().map(library -> library.callInt("getInferLibVersion")).filter(OptionalInt::isPresent)
                .map(number -> TrtVersion.ofNumber(number.getAsInt()));
    }

    /** Returns the directory of the TensorRT library; empty where the linker found it by its name. */
    Optional<Path> directory() {
        return nvinfer.opened().flatMap(_ -> Optional.ofNullable(Path.of(nvinfer.attempts().getLast().file())
                .getParent()));
    }

    /** Returns whether TensorRT's own plugin layers can be registered. */
    boolean hasPlugins() {
        return plugins.isFound();
    }

    private static String cudaVersion(LibrarySearch search, String function) {
        String version = search.opened().map(library -> library.readInt(function)).filter(OptionalInt::isPresent)
                .map(number -> "CUDA " + number.getAsInt() / 1000 + "." + number.getAsInt() % 1000 / 10 + " by ")
                .orElse("");
        return version + search.found();
    }
}
