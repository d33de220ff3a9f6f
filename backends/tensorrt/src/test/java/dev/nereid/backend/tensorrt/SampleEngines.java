package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.config.Dims;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.tensorrt.global.nvinfer.ActivationType;
import org.bytedeco.tensorrt.global.nvinfer.DataType;
import org.bytedeco.tensorrt.global.nvinfer.ElementWiseOperation;
import org.bytedeco.tensorrt.nvinfer.IConvolutionLayer;
import org.bytedeco.tensorrt.nvinfer.ITensor;

/** Engines that tests build on this machine's GPU. Each is written as version 1 of the model in a directory. */
public final class SampleEngines {
    /** The columns of the addition's tensors. */
    public static final int COLUMNS = 16;

    private static final int CHANNELS = 3;
    private static final int FILTERS = 2;
    private static final int SIDE = 8;
    private static final int KERNEL = 3;

    private SampleEngines() {
    }

    /** Returns why engines can't be built here; empty where they can. */
    public static Optional<String> obstacle() {
        String missing = TrtLibraries.find(TrtSettings.parse(Map.of())).diagnoses().stream()
                .filter(diagnosis -> diagnosis.verdict() == Diagnosis.Verdict.PROBLEM)
                .map(diagnosis -> diagnosis.subject() + " " + diagnosis.found()).collect(Collectors.joining("; "));
        if (!missing.isEmpty()) {
            return Optional.of(missing);
        }
        int[] count = new int[1];
        int status = cudart.cudaGetDeviceCount(count);
        return status == cudart.cudaSuccess && count[0] > 0
                ? Optional.empty()
                : Optional.of("CUDA finds no GPU: " + NativeCuda.reason(status));
    }

    /** Writes an engine that answers {@code IN}, [1,3] of FP32, as {@code OUT}. */
    public static void identity(Path modelDirectory) {
        try (BuiltEngine engine = new BuiltEngine()) {
            ITensor input = engine.input("IN", DataType.kFLOAT, 1, 3);
            engine.output("OUT", engine.network.addIdentity(input).getOutput(0));
            engine.write(modelDirectory);
        }
    }

    /**
     * Writes an engine that answers the sum {@code OUTPUT0} and the difference {@code OUTPUT1} of {@code INPUT0} and
     * {@code INPUT1}, [-1,16] of FP32.
     *
     * @param largestBatches a profile for each, from one row up to that number
     */
    public static void addition(Path modelDirectory, long... largestBatches) {
        try (BuiltEngine engine = new BuiltEngine()) {
            ITensor one = engine.input("INPUT0", DataType.kFLOAT, -1, COLUMNS);
            ITensor other = engine.input("INPUT1", DataType.kFLOAT, -1, COLUMNS);
            engine.output("OUTPUT0", engine.network.addElementWise(one, other, ElementWiseOperation.kSUM).getOutput(0));
            engine.output("OUTPUT1", engine.network.addElementWise(one, other, ElementWiseOperation.kSUB).getOutput(0));
            for (long largest : largestBatches) {
                EngineLayout.Range range = BuiltEngine.range(Dims.of(1, COLUMNS), Dims.of(largest, COLUMNS),
                        Dims.of(largest, COLUMNS));
                engine.profile(Map.of("INPUT0", range, "INPUT1", range));
            }
            engine.write(modelDirectory);
        }
    }

    /**
     * Writes an engine with one layer of convolution behind {@code IN}, [1,3,8,8] of FP32, whose negative results become
     * 0 in {@code OUT}, [1,2,6,6].
     */
    public static void convolution(Path modelDirectory) {
        try (BuiltEngine engine = new BuiltEngine()) {
            ITensor input = engine.input("IN", DataType.kFLOAT, 1, CHANNELS, SIDE, SIDE);
            IConvolutionLayer convolution = engine.network.addConvolutionNd(input, FILTERS,
                    engine.dims(KERNEL, KERNEL), engine.weights(kernel()), engine.weights(bias()));
            engine.output("OUT", engine.network.addActivation(convolution.getOutput(0), ActivationType.kRELU)
                    .getOutput(0));
            engine.write(modelDirectory);
        }
    }

    /** Returns an input for {@link #convolution}. */
    public static float[] image() {
        float[] image = new float[CHANNELS * SIDE * SIDE];
        for (int i = 0; i < image.length; i++) {
            image[i] = i % 11 - 5;
        }
        return image;
    }

    /** Returns what {@link #convolution} makes of an image, computed here. */
    public static float[] convolved(float[] image) {
        float[] kernel = kernel();
        int side = SIDE - KERNEL + 1;
        float[] out = new float[FILTERS * side * side];
        for (int i = 0; i < out.length; i++) {
            int filter = i / (side * side);
            int y = i / side % side;
            int x = i % side;
            float sum = bias()[filter];
            for (int channel = 0; channel < CHANNELS; channel++) {
                for (int k = 0; k < KERNEL * KERNEL; k++) {
                    sum += image[(channel * SIDE + y + k / KERNEL) * SIDE + x + k % KERNEL]
                            * kernel[(filter * CHANNELS + channel) * KERNEL * KERNEL + k];
                }
            }
            out[i] = Math.max(0, sum);
        }
        return out;
    }

    private static float[] kernel() {
        float[] kernel = new float[FILTERS * CHANNELS * KERNEL * KERNEL];
        for (int i = 0; i < kernel.length; i++) {
            kernel[i] = (i % 7 - 3) / 8f;
        }
        return kernel;
    }

    private static float[] bias() {
        return new float[]{0.5f, -0.25f};
    }
}
