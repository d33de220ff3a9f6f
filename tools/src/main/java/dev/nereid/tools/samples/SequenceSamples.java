package dev.nereid.tools.samples;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.onnxruntime.OnnxGraph;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;

/**
 * Sample models whose state the server keeps from request to request. Weights are random but always the same; nothing is
 * trained.
 */
public final class SequenceSamples {
    private static final int FEATURES = 16;
    private static final int HIDDEN = 32;
    private static final int GATES = 3;

    private SequenceSamples() {
    }

    /** Writes a model that adds what it gets to its state: inputs value, ready and state, outputs sum and state. */
    public static void accumulator(Path file) {
        ScriptBuilder.save(file, "Accumulator", "x, ready, state", builder -> {
            builder.line("sum = state + x * ready");
            builder.line("return sum, sum");
        });
    }

    /** Writes the same for ONNX Runtime. */
    public static void accumulatorOnnx(Path file) throws IOException {
        new OnnxGraph("accumulator").input("VALUE", DataType.FP32, -1, 1).input("READY", DataType.FP32, -1, 1)
                .input("STATE", DataType.FP32, -1, 1).output("SUM", DataType.FP32, -1, 1)
                .output("STATE_OUT", DataType.FP32, -1, 1)
                .node("Mul", List.of("VALUE", "READY"), List.of("used"))
                .node("Add", List.of("STATE", "used"), List.of("SUM"))
                .node("Identity", List.of("SUM"), List.of("STATE_OUT"))
                .write(file);
    }

    /**
     * Writes a GRU: any number of steps of 16 numbers and a state of 32 in, the state after each step and the last one out.
     * Steps are computed one after the other, so that it does not matter how many of them come in one request.
     */
    public static void gru(Path file) {
        ScriptBuilder.save(file, "Gru", "x, state", builder -> {
            String input = builder.normal(0.25, GATES * HIDDEN, FEATURES);
            String hidden = builder.normal(0.25, GATES * HIDDEN, HIDDEN);
            String bias = builder.normal(0.1, GATES * HIDDEN);
            builder.line("states = []");
            builder.line("for step in range(x.size(1)):");
            builder.line("  state = torch.gru_cell(x[:, step], state, %s, %s, %s, %s)", input, hidden, bias, bias);
            builder.line("  states.append(state)");
            builder.line("return torch.stack(states, 1), state");
        });
    }

    /** Writes a GRU cell for ONNX Runtime: one step of 16 numbers and a state of 32 in, the state after it out. */
    public static void gruOnnx(Path file) throws IOException {
        Random random = new Random(HIDDEN);
        OnnxGraph graph = new OnnxGraph("gru").input("STEP", DataType.FP32, -1, FEATURES)
                .input("STATE", DataType.FP32, -1, HIDDEN).output("HIDDEN", DataType.FP32, -1, HIDDEN)
                .output("STATE_OUT", DataType.FP32, -1, HIDDEN);
        for (String gate : List.of("reset", "update", "new")) {
            graph.constant(gate + "_w", new long[]{FEATURES, HIDDEN}, weights(random, FEATURES * HIDDEN))
                    .constant(gate + "_u", new long[]{HIDDEN, HIDDEN}, weights(random, HIDDEN * HIDDEN))
                    .constant(gate + "_b", new long[]{HIDDEN}, weights(random, HIDDEN))
                    .node("Gemm", List.of("STEP", gate + "_w", gate + "_b"), List.of(gate + "_x"))
                    .node("Gemm", List.of("STATE", gate + "_u", gate + "_b"), List.of(gate + "_h"));
        }
        for (String gate : List.of("reset", "update")) {
            graph.node("Add", List.of(gate + "_x", gate + "_h"), List.of(gate + "_sum"))
                    .node("Sigmoid", List.of(gate + "_sum"), List.of(gate));
        }
        graph.node("Mul", List.of("reset", "new_h"), List.of("kept"))
                .node("Add", List.of("new_x", "kept"), List.of("new_sum"))
                .node("Tanh", List.of("new_sum"), List.of("new"))
                .node("Sub", List.of("STATE", "new"), List.of("difference"))
                .node("Mul", List.of("update", "difference"), List.of("updated"))
                .node("Add", List.of("new", "updated"), List.of("HIDDEN"))
                .node("Identity", List.of("HIDDEN"), List.of("STATE_OUT"))
                .write(file);
    }

    private static float[] weights(Random random, int count) {
        float[] weights = new float[count];
        for (int i = 0; i < count; i++) {
            weights[i] = (float) random.nextGaussian() / 4;
        }
        return weights;
    }
}
