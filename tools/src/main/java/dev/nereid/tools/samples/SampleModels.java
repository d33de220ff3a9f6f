package dev.nereid.tools.samples;

import java.nio.file.Path;
import java.util.List;

/** The sample models. Weights are random but always the same; nothing is trained. */
public final class SampleModels {
    private static final int TRANSFORMER_LAYERS = 6;
    private static final int TRANSFORMER_HIDDEN = 384;
    private static final int TRANSFORMER_HEADS = 6;
    private static final int VOCABULARY = 1000;
    private static final int SEQUENCE = 128;
    /** By the number whose bits say which of red, green and blue, from the lowest, is full. */
    private static final List<String> COLORS = List.of("black", "red", "green", "yellow", "blue", "magenta", "cyan",
            "white");

    private SampleModels() {
    }

    /**
     * Writes a UNet: an image in, an image of the same size and 3 channels out. Height and width must be even 3 times
     * over, as 360 and 640 are.
     *
     * @param width the channels of the outermost level; each level below has twice as many
     */
    public static void unet(Path file, int width) {
        ScriptBuilder.save(file, "UNet" + width, "x", builder -> {
            builder.line("a = x");
            doubleConvolution(builder, "a", 3, width);
            String[] skips = {"s0", "s1", "s2"};
            int channels = width;
            for (String skip : skips) {
                builder.line("%s = a", skip);
                builder.line("a = torch.max_pool2d(a, [2, 2], [2, 2])");
                doubleConvolution(builder, "a", channels, channels * 2);
                channels *= 2;
            }
            for (int level = skips.length - 1; level >= 0; level--) {
                builder.line("a = torch.conv_transpose2d(a, %s, %s, [2, 2])",
                        builder.weights(channels, channels / 2, 2, 2), builder.constant(0, channels / 2));
                builder.line("a = torch.cat([%s, a], 1)", skips[level]);
                doubleConvolution(builder, "a", channels, channels / 2);
                channels /= 2;
            }
            convolution(builder, "a", 3, channels, 1, 1);
            builder.line("return torch.sigmoid(a)");
        });
    }

    private static void doubleConvolution(ScriptBuilder builder, String name, int from, int to) {
        convolution(builder, name, to, from, 3, 1);
        builder.line("%s = torch.relu(%s)", name, name);
        convolution(builder, name, to, to, 3, 1);
        builder.line("%s = torch.relu(%s)", name, name);
    }

    private static void convolution(ScriptBuilder builder, String name, int to, int from, int kernel, int stride) {
        int padding = kernel / 2;
        builder.line("%s = torch.conv2d(%s, %s, %s, [%d, %d], [%d, %d])", name, name,
                builder.weights(to, from, kernel, kernel), builder.constant(0, to), stride, stride, padding, padding);
    }

    /** Writes a model with two inputs and two outputs: their sum and their difference. Any datatype and shape. */
    public static void addSub(Path file) {
        ScriptBuilder.save(file, "AddSub", "INPUT0, INPUT1",
                builder -> builder.line("return INPUT0 + INPUT1, INPUT0 - INPUT1"));
    }

    /** Writes a small multilayer perceptron: rows of 128 numbers in, rows of 64 out. */
    public static void mlp(Path file) {
        ScriptBuilder.save(file, "Mlp", "x", builder -> {
            linear(builder, "x", 128, 512);
            builder.line("x = torch.relu(x)");
            linear(builder, "x", 512, 512);
            builder.line("x = torch.relu(x)");
            linear(builder, "x", 512, 64);
            builder.line("return x");
        });
    }

    private static void linear(ScriptBuilder builder, String name, int from, int to) {
        builder.line("%s = torch.addmm(%s, %s, %s.t())", name, builder.constant(0.1f, to), name,
                builder.weights(to, from));
    }

    /** Writes a model that answers what it is asked. */
    public static void identity(Path file) {
        ScriptBuilder.save(file, "Identity", "INPUT0", builder -> builder.line("return INPUT0"));
    }

    /**
     * Writes a classifier of images, which tells the colour that most of an image is nearest to: images of 3 channels from 0
     * to 1 in, of any size, and the probabilities of 8 colours out, in the order of the labels.
     */
    static void colorClassifier(Path file) {
        // A colour's squared distance from a corner of the cube of colours, without what is the same for all corners.
        float[] corners = new float[COLORS.size() * 3];
        float[] squares = new float[COLORS.size()];
        for (int color = 0; color < COLORS.size(); color++) {
            for (int channel = 0; channel < 3; channel++) {
                float isFull = color >> channel & 1;
                corners[3 * color + channel] = isFull;
                squares[color] += isFull;
            }
        }
        ScriptBuilder.save(file, "ColorClassifier", "x", builder -> {
            builder.line("x = torch.mean(x, [2, 3])");
            builder.line("x = 2 * torch.matmul(x, %s.t()) - %s", builder.values(corners, COLORS.size(), 3),
                    builder.values(squares, COLORS.size()));
            builder.line("return torch.softmax(8 * x, 1)");
        });
    }

    /** Writes a model that takes the probabilities of the colours, and returns the names and values of the highest three. */
    static void labelsOfTopThree(Path file) {
        ScriptBuilder.save(file, "LabelsOfTopThree", "x", builder -> {
            builder.line("values, indices = torch.topk(x, 3)");
            builder.line("labels = [\"%s\"]", String.join("\", \"", COLORS));
            builder.line("first, second, third = int(indices[0]), int(indices[1]), int(indices[2])");
            builder.line("return [labels[first], labels[second], labels[third]], values");
        });
    }

    /** Writes a model that rates each of 1000 tokens by how likely it follows the last of those that it gets. */
    public static void bigram(Path file) {
        ScriptBuilder.save(file, "Bigram", "INPUT0", builder -> builder
                .line("return torch.embedding(%s, INPUT0)[-1]", builder.normal(1, VOCABULARY, VOCABULARY)));
    }

    /** Writes a ResNet-50 for images of 224 by 224: 1000 numbers for each. For benchmarks: 98 MB. */
    public static void resNet50(Path file) {
        ScriptBuilder.save(file, "ResNet50", "x", builder -> {
            convolution(builder, "x", 64, 3, 7, 2);
            normalize(builder, "x", 64);
            builder.line("x = torch.relu(x)");
            builder.line("x = torch.max_pool2d(x, [3, 3], [2, 2], [1, 1])");
            int[] blocks = {3, 4, 6, 3};
            int from = 64;
            for (int stage = 0; stage < blocks.length; stage++) {
                int width = 64 << stage;
                for (int block = 0; block < blocks[stage]; block++) {
                    bottleneck(builder, from, width, block == 0 && stage > 0 ? 2 : 1);
                    from = 4 * width;
                }
            }
            builder.line("x = torch.adaptive_avg_pool2d(x, [1, 1]).flatten(1)");
            linear(builder, "x", from, 1000);
            builder.line("return x");
        });
    }

    private static void bottleneck(ScriptBuilder builder, int from, int width, int stride) {
        builder.line("y = x");
        convolution(builder, "y", width, from, 1, 1);
        normalize(builder, "y", width);
        builder.line("y = torch.relu(y)");
        convolution(builder, "y", width, width, 3, stride);
        normalize(builder, "y", width);
        builder.line("y = torch.relu(y)");
        convolution(builder, "y", 4 * width, width, 1, 1);
        normalize(builder, "y", 4 * width);
        if (from != 4 * width) {
            convolution(builder, "x", 4 * width, from, 1, stride);
            normalize(builder, "x", 4 * width);
        }
        builder.line("x = torch.relu(x + y)");
    }

    private static void normalize(ScriptBuilder builder, String name, int channels) {
        builder.line("%s = torch.batch_norm(%s, %s, %s, %s, %s, False, 0.1, 1e-5, False)", name, name,
                builder.constant(1, channels), builder.constant(0, channels), builder.constant(0, channels),
                builder.constant(1, channels));
    }

    /**
     * Writes a transformer encoder with 6 layers of 6 heads and 384 numbers: rows of token numbers below 1000 in, at
     * most 128 each, and 384 numbers for every token out. For benchmarks: 45 MB.
     */
    public static void transformer(Path file) {
        int hidden = TRANSFORMER_HIDDEN;
        int head = hidden / TRANSFORMER_HEADS;
        ScriptBuilder.save(file, "Transformer", "tokens", builder -> {
            builder.line("n = tokens.size(0)");
            builder.line("s = tokens.size(1)");
            builder.line("x = torch.embedding(%s, tokens) + %s[:s]", builder.normal(0.5, VOCABULARY, hidden),
                    builder.normal(0.1, SEQUENCE, hidden));
            for (int layer = 0; layer < TRANSFORMER_LAYERS; layer++) {
                builder.line("q = torch.linear(x, %s).view([n, s, 3, %d, %d]).permute([2, 0, 3, 1, 4])",
                        builder.normal(0.05, 3L * hidden, hidden), TRANSFORMER_HEADS, head);
                builder.line("y = torch.scaled_dot_product_attention(q[0], q[1], q[2])");
                builder.line("y = torch.linear(y.transpose(1, 2).reshape([n, s, %d]), %s)", hidden,
                        builder.normal(0.05, hidden, hidden));
                layerNorm(builder, hidden);
                builder.line("y = torch.linear(torch.gelu(torch.linear(x, %s)), %s)",
                        builder.normal(0.05, 4L * hidden, hidden), builder.normal(0.03, hidden, 4L * hidden));
                layerNorm(builder, hidden);
            }
            builder.line("return x");
        });
    }

    private static void layerNorm(ScriptBuilder builder, int hidden) {
        builder.line("x = torch.layer_norm(x + y, [%d], %s, %s)", hidden, builder.constant(1, hidden),
                builder.constant(0, hidden));
    }
}
