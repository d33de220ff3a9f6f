package dev.nereid.tools.samples;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.onnxruntime.OnnxGraph;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/** The sample models in ONNX. Weights are random but always the same; nothing is trained. */
public final class OnnxSamples {
    private static final int FEATURES = 64;
    private static final int HIDDEN = 128;
    private static final int CLASSES = 10;

    private OnnxSamples() {
    }

    /** Writes a classifier: rows of 64 numbers in, the probabilities of 10 classes out. */
    public static void classifier(Path file) throws IOException {
        Random random = new Random(64);
        new OnnxGraph("classifier").input("FEATURES", DataType.FP32, -1, FEATURES)
                .output("PROBABILITIES", DataType.FP32, -1, CLASSES)
                .constant("w0", new long[]{FEATURES, HIDDEN}, weights(random, FEATURES, HIDDEN))
                .constant("b0", new long[]{HIDDEN}, new float[HIDDEN])
                .constant("w1", new long[]{HIDDEN, CLASSES}, weights(random, HIDDEN, CLASSES))
                .constant("b1", new long[]{CLASSES}, new float[CLASSES])
                .node("Gemm", List.of("FEATURES", "w0", "b0"), List.of("h0"))
                .node("Relu", List.of("h0"), List.of("h1"))
                .node("Gemm", List.of("h1", "w1", "b1"), List.of("scores"))
                .node("Softmax", List.of("scores"), List.of("PROBABILITIES"), OnnxGraph.Attribute.of("axis", 1L))
                .write(file);
    }

    /** Returns the weights of a layer that keeps the variance of what goes in. */
    private static float[] weights(Random random, int from, int to) {
        float[] weights = new float[from * to];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = (float) (random.nextGaussian() * Math.sqrt(2.0 / from));
        }
        return weights;
    }
}
