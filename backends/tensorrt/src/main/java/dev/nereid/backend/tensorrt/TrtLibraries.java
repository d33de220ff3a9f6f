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
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Loader;

/**
 * The libraries that this backend needs: the driver, CUDA's run time and others of CUDA, and TensorRT, each found in one of
 * three ways, in this order: a system installation, the directory of {@code library-path}, the jar that the Maven profile
 * {@code tensorrt-redist} puts beside the plugin; the last one for TensorRT only.
 */
final class TrtLibraries {
    private static final Logger LOGGER = System.getLogger(TrtLibraries.class.getName());
    private static final String NVINFER = "libnvinfer.so." + TrtVersion.BINDINGS.major();
    private static final String PLUGINS = "libnvinfer_plugin.so." + TrtVersion.BINDINGS.major();
    private static final String CUDART = "libcudart.so.13";
    private static final String DRIVER = "libcuda.so.1";
    /** What JavaCPP's bindings of TensorRT are linked to besides, each with the name that a person knows. */
    private static final List<Map.Entry<String, List<String>>> OTHERS = List.of(
            Map.entry("cuBLAS 13", List.of("libcublasLt.so.13", "libcublas.so.13")),
            Map.entry("cuDNN 9",
                    List.of("libcudnn_graph.so.9", "libcudnn_ops.so.9", "libcudnn_cnn.so.9", "libcudnn_adv.so.9")),
            Map.entry("NVRTC 13", List.of("libnvrtc.so.13")));
    private static final String DRIVER_ADVICE = "install the NVIDIA driver (version 580 or newer), or run the container"
            + " with access to the GPUs";

    private final LibrarySearch driver;
    private final LibrarySearch cudart;
    private final List<Other> others;
    private final LibrarySearch nvinfer;
    private final LibrarySearch plugins;

    private TrtLibraries(LibrarySearch driver, LibrarySearch cudart, List<Other> others, LibrarySearch nvinfer,
            LibrarySearch plugins) {
        this.driver = driver;
        this.cudart = cudart;
        this.others = others;
        this.nvinfer = nvinfer;
        this.plugins = plugins;
    }

    /**
     * A part of CUDA that consists of several libraries.
     *
     * @param name what a person calls it
     * @param searches one for each library, in the order in which they need each other
     */
    private record Other(String name, List<LibrarySearch> searches) {
        Finding finding() {
            return searches.stream().filter(search -> !search.isFound()).findFirst()
                    .map(search -> Finding.missing(name, search,
                            "the bindings are linked to it: install it, or put " + search.library()
                                    + " into the directory of --backend-config=tensorrt,library-path=<directory>"))
                    .orElseGet(() -> Finding.ok(name, searches.getLast().found()));
        }
    }

    /** Searches for the libraries and opens those that are there. */
    static TrtLibraries find(TrtSettings settings) {
        return find(settings, DynamicLinker::open);
    }

    static TrtLibraries find(TrtSettings settings, Function<String, DynamicLinker.Opened> linker) {
        // The order matters: each one needs those before it.
        return new TrtLibraries(LibrarySearch.of(DRIVER, List.of(system(DRIVER, List.of())), linker),
                cuda(settings, CUDART, linker),
                OTHERS.stream().map(other -> new Other(other.getKey(),
                        other.getValue().stream().map(library -> cuda(settings, library, linker)).toList())).toList(),
                LibrarySearch.of(NVINFER, ways(settings, NVINFER, trtDirectories()), linker),
                LibrarySearch.of(PLUGINS, ways(settings, PLUGINS, trtDirectories()), linker));
    }

    private static LibrarySearch cuda(TrtSettings settings, String library,
            Function<String, DynamicLinker.Opened> linker) {
        List<Way> ways = new ArrayList<>(List.of(system(library,
                List.of("/usr/local/cuda-13.3/lib64", "/usr/local/cuda/lib64"))));
        given(settings, library).ifPresent(ways::add);
        return LibrarySearch.of(library, ways, linker);
    }

    private static Optional<Way> given(TrtSettings settings, String library) {
        return settings.libraryPath().map(directory -> new Way(TrtSettings.LIBRARY_PATH,
                () -> List.of(directory.resolve(library).toString())));
    }

    private static List<String> trtDirectories() {
        return List.of("/usr/local/tensorrt/lib", "/opt/tensorrt/lib",
                "/usr/local/TensorRT-" + TrtVersion.BINDINGS + "."
                        + org.bytedeco.tensorrt.global.nvinfer.NV_TENSORRT_BUILD
                        + "/lib");
    }

    private static List<Way> ways(TrtSettings settings, String library, List<String> directories) {
        List<Way> ways = new ArrayList<>(List.of(system(library, directories)));
        given(settings, library).ifPresent(ways::add);
        ways.add(new Way("Maven profile tensorrt-redist", () -> bundled(library)));
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
            LOGGER.log(Level.WARNING, () -> library + " can't be unpacked", e);
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
        LOGGER.log(problem.isPresent() ? Level.WARNING : Level.INFO, () -> "TensorRT's libraries: "
                + String.join("; ", all().map(search -> search.library() + " by " + search.story()).toList()));
        if (problem.isPresent()) {
            throw InferenceException
                    .unavailable("TensorRT can't run on this machine: " + problem.get().sentence() + "; "
                            + problem.get().diagnosis().advice());
        }
    }

    private Stream<LibrarySearch> all() {
        return Stream.of(Stream.of(driver, cudart), others.stream().flatMap(other -> other.searches().stream()),
                Stream.of(nvinfer, plugins)).flatMap(searches -> searches);
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
        others.forEach(other -> findings.add(other.finding()));
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
