package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Optimization;
import dev.nereid.backend.api.config.ParameterText;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Where a session executes.
 *
 * @param gpu the GPU's number; -1 for the CPU
 */
record OnnxDevice(int gpu) {
    static final OnnxDevice CPU = new OnnxDevice(-1);

    static final String CUDA_PROVIDER = "CUDAExecutionProvider";
    private static final String CUDA = "cuda";

    /** Parameters of a model that the reference hands on to CUDA; kept for old configurations. */
    private static final Map<String, String[]> NUMBERED = Map.of("cudnn_conv_algo_search",
            new String[]{"EXHAUSTIVE", "HEURISTIC", "DEFAULT"}, "arena_extend_strategy",
            new String[]{"kNextPowerOfTwo", "kSameAsRequested"});
    private static final String[] PLAIN = {"gpu_mem_limit", "do_copy_in_default_stream"};

    /** Returns the device of an instance. */
    static OnnxDevice of(InstanceGroup.Kind kind, int deviceId) {
        return kind == InstanceGroup.Kind.GPU ? new OnnxDevice(deviceId) : CPU;
    }

    boolean isCpu() {
        return gpu < 0;
    }

    /**
     * Prepares a session for this device.
     *
     * @throws InferenceException UNSUPPORTED when the library has no code for GPUs; INVALID_ARG for unknown accelerators
     */
    void apply(ModelConfig config, OrtEnvironment environment, SessionOptions options) {
        if (isCpu()) {
            config.optimization().cpuAccelerators().stream().findFirst().ifPresent(OnnxDevice::refuse);
            return;
        }
        if (!environment.providers().contains(CUDA_PROVIDER)) {
            throw InferenceException.unsupported("model '" + config.name()
                    + "' asks for instances of kind KIND_GPU, but the ONNX Runtime beside the backend is the one for"
                    + " CPUs; use KIND_CPU, or replace its jar by that of onnxruntime_gpu");
        }
        options.addCuda(cudaSettings(config));
    }

    Map<String, String> cudaSettings(ModelConfig config) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("device_id", Integer.toString(gpu));
        NUMBERED.forEach((key, names) -> {
            String text = config.parameters().get(key);
            if (text != null) {
                int number = ParameterText.integer(text);
                if (number < 0 || number >= names.length) {
                    throw InferenceException.invalid("unsupported " + key + " value '" + number + "' is requested");
                }
                settings.put(key, names[number]);
            }
        });
        for (String key : PLAIN) {
            String text = config.parameters().get(key);
            if (text != null) {
                settings.put(key, text);
            }
        }
        for (Optimization.Accelerator accelerator : config.optimization().gpuAccelerators()) {
            if (!accelerator.name().equals(CUDA)) {
                refuse(accelerator);
            }
            settings.putAll(accelerator.parameters());
        }
        return settings;
    }

    private static void refuse(Optimization.Accelerator accelerator) {
        throw InferenceException.invalid("unknown Execution Accelerator '" + accelerator.name() + "' is requested");
    }
}
