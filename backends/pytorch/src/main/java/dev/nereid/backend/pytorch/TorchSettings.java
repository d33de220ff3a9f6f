package dev.nereid.backend.pytorch;

import java.util.Map;

/**
 * Settings of the whole backend, from {@code --backend-config=pytorch,<key>=<value>}.
 *
 * @param cores how many cores the CPU instances share
 * @param blasThreads the threads of OpenBLAS, for the process
 */
record TorchSettings(int cores, int blasThreads) {
    /** The key for the number of cores to use; without it, those that the process may use. */
    static final String CORES = "cpu-cores";

    /**
     * The key for the threads of OpenBLAS. One is the default: its own threads spin beside OpenMP's and slow
     * convolutions down several times. A single instance of a model of large matrix products may gain from more.
     */
    static final String BLAS_THREADS = "blas-threads";

    static TorchSettings parse(Map<String, String> settings) {
        // The JVM knows the limits of the container, libtorch doesn't.
        return new TorchSettings(count(settings, CORES, Runtime.getRuntime().availableProcessors()),
                count(settings, BLAS_THREADS, 1));
    }

    private static int count(Map<String, String> settings, String key, int otherwise) {
        String text = settings.get(key);
        int count = text == null ? 0 : ParameterText.integer(text);
        return count > 0 ? count : otherwise;
    }
}
