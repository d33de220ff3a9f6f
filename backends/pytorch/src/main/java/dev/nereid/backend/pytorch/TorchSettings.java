package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ParameterText;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Settings of the whole backend, from {@code --backend-config=pytorch,<key>=<value>}.
 *
 * @param cores how many cores the CPU instances share
 * @param blasThreads the threads of the BLAS library, for the process
 * @param blas the library for matrix products
 * @param ownLibtorch the directory of an installation of libtorch that is used instead of the packaged one
 * @param opLibraries libraries that register further operators
 * @param optimizes whether models are tried with their graph rewritten for inference
 * @param tf32 whether GPUs may round 32-bit floats to TF32
 */
record TorchSettings(int cores, int blasThreads, Blas blas, Optional<String> ownLibtorch,
        List<String> opLibraries, boolean optimizes, boolean tf32) {
    /** The key for the number of cores to use; without it, those that the process may use. */
    static final String CORES = "cpu-cores";

    /**
     * The key for the threads of the BLAS library. One is the default: its own threads spin beside OpenMP's and slow
     * convolutions down several times. A single instance of a model of large matrix products may gain from more.
     */
    static final String BLAS_THREADS = "blas-threads";

    /** The key for the library for matrix products. */
    static final String BLAS = "blas";

    /** The key for the directory of an own installation of libtorch. */
    static final String LIBRARY_PATH = "library-path";

    /** The key for libraries of operators, separated by {@code ;}: those of TorchVision, or custom ones. */
    static final String OP_LIBRARIES = "op-libraries";

    /** The key for trying what libtorch's optimisation for inference does for a model. */
    static final String OPTIMIZATION = "optimization-trial";

    /** The key for TF32 on GPUs: faster, with 10 bits of mantissa instead of 23. */
    static final String TF32 = "allow-tf32";

    /** The libraries for matrix products. */
    enum Blas {
        OPENBLAS("OpenBLAS"), MKL("MKL");

        private final String text;

        Blas(String text) {
            this.text = text;
        }

        String text() {
            return text;
        }
    }

    static TorchSettings parse(Map<String, String> settings) {
        // The JVM knows the limits of the container, libtorch doesn't.
        return new TorchSettings(
                TorchParameters.count(settings, CORES).orElse(Runtime.getRuntime().availableProcessors()),
                TorchParameters.count(settings, BLAS_THREADS).orElse(1), blas(settings.getOrDefault(BLAS, "openblas")),
                Optional.ofNullable(settings.get(LIBRARY_PATH)).filter(path -> !path.isBlank()),
                Stream.of(settings.getOrDefault(OP_LIBRARIES, "").split(";", -1)).filter(path -> !path.isBlank())
                        .toList(),
                ParameterText.bool(settings.getOrDefault(OPTIMIZATION, "true")),
                ParameterText.bool(settings.getOrDefault(TF32, "false")));
    }

    private static Blas blas(String text) {
        return switch (text) {
            case "openblas" -> Blas.OPENBLAS;
            case "mkl" -> Blas.MKL;
            default -> throw InferenceException
                    .invalid("backend setting '" + BLAS + "' is '" + text + "', expected openblas or mkl");
        };
    }
}
