package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

final class TrtLibrariesTest {
    private final List<String> tried = new ArrayList<>();

    /** Opens the C library in place of the files that the test has: it tells no version of TensorRT. */
    private Function<String, DynamicLinker.Opened> linker(Predicate<String> exists) {
        return file -> {
            tried.add(file);
            return exists.test(file)
                    ? DynamicLinker.open("libc.so.6")
                    : new DynamicLinker.Opened(MemorySegment.NULL, file
                            + (file.startsWith("/given/")
                                    ? ": file too short"
                                    : ": cannot open shared object file: No such file or directory"));
        };
    }

    @Test
    void saysThatThereIsNoDriver() {
        var failure = assertThrows(InferenceException.class,
                () -> TrtLibraries.find(TrtSettings.parse(Map.of()), linker(file -> false)).require());

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertEquals("TensorRT can't run on this machine: the NVIDIA driver was not found (libcuda.so.1); install the"
                + " NVIDIA driver (version 580 or newer), or run the container with access to the GPUs",
                failure.getMessage());
    }

    @Test
    void looksInTheSystemBeforeTheGivenDirectory() {
        TrtSettings settings = TrtSettings.parse(Map.of("library-path", "/given"));
        TrtLibraries.find(settings, linker(file -> file.startsWith("/given/")));

        List<String> nvinfer = tried.stream().filter(file -> file.endsWith("libnvinfer.so.11")).toList();
        assertEquals(List.of("libnvinfer.so.11", "/given/libnvinfer.so.11"),
                nvinfer.stream().filter(file -> !file.startsWith("/usr/") && !file.startsWith("/opt/")).toList());
    }

    @Test
    void tellsAClientNoPathsButTheDoctorAllOfThem() {
        TrtSettings settings = TrtSettings.parse(Map.of("library-path", "/given"));
        TrtLibraries libraries = TrtLibraries.find(settings,
                linker(file -> !file.contains("nvinfer")));

        var failure = assertThrows(InferenceException.class, libraries::require);
        Diagnosis diagnosis = libraries.diagnoses().stream()
                .filter(each -> each.verdict() == Diagnosis.Verdict.PROBLEM).findFirst().orElseThrow();

        assertTrue(failure.getMessage().startsWith(
                "TensorRT can't run on this machine: TensorRT 11.2 was not found (libnvinfer.so.11); "),
                failure.getMessage());
        assertFalse(failure.getMessage().contains("/given"), failure.getMessage());
        assertTrue(diagnosis.found().startsWith("libnvinfer.so.11 was not found; tried: system installation: not there;"
                + " library-path (/given/libnvinfer.so.11): file too short; Maven profile tensorrt-redist"),
                diagnosis.found());
        assertTrue(diagnosis.advice().contains("-Ptensorrt-redist"), diagnosis.advice());
    }

    @Test
    void needsWhatTheBindingsAreLinkedTo() {
        TrtLibraries libraries = TrtLibraries.find(TrtSettings.parse(Map.of()),
                linker(file -> !file.equals("libcudnn_ops.so.9")));

        var failure = assertThrows(InferenceException.class, libraries::require);

        assertEquals("TensorRT can't run on this machine: cuDNN 9 was not found (libcudnn_ops.so.9); the bindings are"
                + " linked to it: install it, or put libcudnn_ops.so.9 into the directory of"
                + " --backend-config=tensorrt,library-path=<directory>", failure.getMessage());
        assertEquals(List.of("the NVIDIA driver", "CUDA's run time", "cuBLAS 13", "cuDNN 9", "NVRTC 13"),
                libraries.diagnoses().stream().map(Diagnosis::subject).limit(5).toList());
    }

    @Test
    void onlyWarnsWherePluginsAreMissing() {
        TrtLibraries libraries = TrtLibraries.find(TrtSettings.parse(Map.of()), linker(file -> false));

        assertFalse(libraries.hasPlugins());
        assertEquals(Diagnosis.Verdict.WARNING, libraries.diagnoses().getLast().verdict());
    }

    @Test
    void readsSettings() {
        TrtSettings settings = TrtSettings
                .parse(Map.of("plugins", "/a.so;/b.so;", "version-compatible", "TRUE", "execution-policy",
                        "DEVICE_BLOCKING"));

        assertEquals(List.of("/a.so", "/b.so"), settings.plugins());
        assertTrue(settings.versionCompatible());
        assertEquals("DEVICE_BLOCKING", settings.executionPolicy().name());
        assertEquals("BLOCKING", TrtSettings.parse(Map.of()).executionPolicy().name());
    }

    @Test
    void refusesSettingsThatMakeNoSense() {
        assertEquals("failed to convert 'maybe' to boolean", assertThrows(InferenceException.class,
                () -> TrtSettings.parse(Map.of("version-compatible", "maybe"))).getMessage());
        assertEquals("execution-policy of backend 'tensorrt' is 'FAST', expected DEVICE_BLOCKING or BLOCKING",
                assertThrows(InferenceException.class, () -> TrtSettings.parse(Map.of("execution-policy", "FAST")))
                        .getMessage());
    }
}
