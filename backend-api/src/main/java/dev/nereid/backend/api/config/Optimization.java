package dev.nereid.backend.api.config;

import java.util.List;
import java.util.Map;

/**
 * Hints for the execution.
 *
 * @param graphLevel -1 off, 0 default, 1 and above more
 * @param priority of the model's work on the device
 * @param cuda CUDA settings
 * @param gpuAccelerators accelerators for GPU execution
 * @param cpuAccelerators accelerators for CPU execution
 * @param inputPinnedMemory whether inputs go through pinned memory
 * @param outputPinnedMemory whether outputs go through pinned memory
 * @param gatherKernelBufferThreshold from how many buffers on a GPU kernel gathers inputs; 0 never
 * @param eagerBatching whether the next batch is prepared early
 */
public record Optimization(int graphLevel, Priority priority, Cuda cuda, List<Accelerator> gpuAccelerators,
        List<Accelerator> cpuAccelerators, boolean inputPinnedMemory, boolean outputPinnedMemory,
        int gatherKernelBufferThreshold, boolean eagerBatching) {
    /** All defaults. */
    public static final Optimization DEFAULT = new Optimization(0, Priority.DEFAULT, Cuda.DEFAULT, List.of(), List.of(),
            true, true, 0, false);

    /** Copies the lists. */
    public Optimization {
        gpuAccelerators = List.copyOf(gpuAccelerators);
        cpuAccelerators = List.copyOf(cpuAccelerators);
    }

    /** Priorities of work on a device. */
    public enum Priority {
        /** The device's default. */
        DEFAULT,
        /** The highest. */
        MAX,
        /** The lowest. */
        MIN
    }

    /**
     * CUDA settings.
     *
     * @param graphs whether CUDA graphs are captured
     * @param busyWaitEvents whether waiting spins
     * @param graphSpecs for which shapes graphs are captured
     * @param outputCopyStream whether outputs are copied on a stream of their own
     */
    public record Cuda(boolean graphs, boolean busyWaitEvents, List<GraphSpec> graphSpecs, boolean outputCopyStream) {
        /** All off. */
        public static final Cuda DEFAULT = new Cuda(false, false, List.of(), false);

        /** Copies the list. */
        public Cuda {
            graphSpecs = List.copyOf(graphSpecs);
        }
    }

    /**
     * Shapes for which a CUDA graph is captured.
     *
     * @param batchSize the batch size
     * @param inputs shapes by input name
     * @param lowerBoundBatchSize the smallest batch the graph serves, 0 where no lower bound is given
     * @param lowerBoundInputs the smallest shapes it serves, by input name
     */
    public record GraphSpec(int batchSize, Map<String, Dims> inputs, int lowerBoundBatchSize,
            Map<String, Dims> lowerBoundInputs) {
        /** Copies the maps. */
        public GraphSpec {
            inputs = Map.copyOf(inputs);
            lowerBoundInputs = Map.copyOf(lowerBoundInputs);
        }
    }

    /**
     * An accelerator of a runtime.
     *
     * @param name its name
     * @param parameters its settings
     */
    public record Accelerator(String name, Map<String, String> parameters) {
        /** Copies the map. */
        public Accelerator {
            parameters = Map.copyOf(parameters);
        }
    }
}
