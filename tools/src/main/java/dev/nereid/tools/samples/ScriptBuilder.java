package dev.nereid.tools.samples;

import com.google.errorprone.annotations.FormatMethod;
import dev.nereid.backend.pytorch.TestedBindings;
import java.nio.file.Path;
import java.util.Locale;
import java.util.PrimitiveIterator;
import java.util.Random;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Writes one TorchScript model: parameters and the lines of its {@code forward}. Weights come from Java's generator with
 * a fixed seed, so that the same model has the same bytes everywhere.
 */
final class ScriptBuilder {
    private final JitModule module;
    private final Random random;
    private final StringBuilder source = new StringBuilder();
    private int parameters;

    private ScriptBuilder(JitModule module, Random random) {
        this.module = module;
        this.random = random;
    }

    /** What fills a builder. */
    @FunctionalInterface
    interface Content {
        void addTo(ScriptBuilder builder);
    }

    /** Builds a model with those arguments and saves it. */
    static void save(Path file, String name, String arguments, Content content) {
        TestedBindings.expect();
        try (PointerScope scope = new PointerScope()) {
            JitModule module = new JitModule(new QualifiedName("__torch__." + name));
            scope.attach(module);
            ScriptBuilder builder = new ScriptBuilder(module, new Random(name.hashCode()));
            builder.source.append("def forward(self, ").append(arguments).append("):\n");
            content.addTo(builder);
            module.define(builder.source.toString());
            module.eval();
            module.save(file.toString());
        }
    }

    /** Adds a line to {@code forward}. */
    @FormatMethod
    void line(String format, Object... values) {
        source.append("  ").append(values.length == 0 ? format : String.format(Locale.ROOT, format, values))
                .append('\n');
    }

    /** Adds a parameter of normally distributed values with that deviation; returns how {@code forward} names it. */
    String normal(double deviation, long... shape) {
        return filled(() -> (float) (random.nextGaussian() * deviation), shape);
    }

    /** Adds a parameter of one value; returns how {@code forward} names it. */
    String constant(float value, long... shape) {
        return filled(() -> value, shape);
    }

    /** Adds a parameter of those values, the last dimension fastest; returns how {@code forward} names it. */
    String values(float[] values, long... shape) {
        PrimitiveIterator.OfInt index = IntStream.range(0, values.length).iterator();
        return filled(() -> values[index.nextInt()], shape);
    }

    /** Adds the weights of a layer that keeps the variance of what goes in; returns how {@code forward} names them. */
    String weights(long... shape) {
        long inputs = 1;
        for (int i = 1; i < shape.length; i++) {
            inputs *= shape[i];
        }
        return normal(Math.sqrt(2.0 / inputs), shape);
    }

    /** Gives a single value. */
    @FunctionalInterface
    private interface Values {
        float next();
    }

    private String filled(Values values, long... shape) {
        int count = 1;
        for (long dimension : shape) {
            count = Math.multiplyExact(count, Math.toIntExact(dimension));
        }
        float[] data = new float[count];
        for (int i = 0; i < count; i++) {
            data[i] = values.next();
        }
        String name = "p" + parameters++;
        try (PointerScope _ = new PointerScope()) {
            FloatPointer memory = new FloatPointer(data);
            // The module must not refer to memory that ends with this scope.
            Tensor tensor = torch.from_blob(memory, shape).clone();
            module.register_parameter(name, tensor, false);
        }
        return "self." + name;
    }
}
