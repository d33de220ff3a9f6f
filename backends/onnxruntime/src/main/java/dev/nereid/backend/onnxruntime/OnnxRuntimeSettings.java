package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.config.ParameterText;
import java.util.Map;

/**
 * Settings of the whole backend, from {@code --backend-config=onnxruntime,<key>=<value>}.
 *
 * @param defaultMaxBatchSize the {@code max_batch_size} of models that can batch and are not configured
 * @param hasGlobalThreads whether all models share one set of threads
 * @param globalIntraOpThreads threads within operators, where all models share them
 * @param globalInterOpThreads threads across operators, where all models share them
 * @param cores how many cores the instances of a model share
 */
record OnnxRuntimeSettings(int defaultMaxBatchSize, boolean hasGlobalThreads, int globalIntraOpThreads,
        int globalInterOpThreads, int cores) {
    private static final String MAX_BATCH_SIZE = "default-max-batch-size";
    private static final int MAX_BATCH_SIZE_OTHERWISE = 4;

    static OnnxRuntimeSettings parse(Map<String, String> settings) {
        String batch = settings.get(MAX_BATCH_SIZE);
        // The JVM knows the limits of the container, ONNX Runtime doesn't.
        int cores = count(settings, "cpu-cores", Runtime.getRuntime().availableProcessors());
        return new OnnxRuntimeSettings(
                batch == null ? MAX_BATCH_SIZE_OTHERWISE : Math.max(0, ParameterText.integer(batch)),
                ParameterText.bool(settings.getOrDefault("enable-global-threadpool", "0")),
                count(settings, "intra_op_thread_count", cores), count(settings, "inter_op_thread_count", cores),
                cores);
    }

    private static int count(Map<String, String> settings, String key, int otherwise) {
        String text = settings.get(key);
        int count = text == null ? 0 : ParameterText.integer(text);
        return count > 0 ? count : otherwise;
    }
}
