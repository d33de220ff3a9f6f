package dev.nereid.benchmark;

import dev.nereid.backend.pytorch.TestedBindings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import org.HdrHistogram.Histogram;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * What libtorch alone does with a model, in a process of its own: a loop that executes it on all cores, with the
 * elements that requests have: processors are faster with zeros. Arguments: the model's file and the sizes of its FP32
 * input. A line on the standard input holds the seconds of a turn; the answer is as that of the load generator. Ends
 * with its input.
 */
public final class TorchLoop {
    private TorchLoop() {
    }

    /** Runs until the standard input ends. */
    public static void main(String[] arguments) throws IOException {
        TestedBindings.expect();
        long[] shape = Arrays.stream(arguments).skip(1).mapToLong(Long::parseLong).toArray();
        torch.set_num_threads(Runtime.getRuntime().availableProcessors());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (JitModule module = torch.load(arguments[0]);
                FloatPointer memory = new FloatPointer(RequestBody.elements(shape));
                TensorOptions options = new TensorOptions(torch.ScalarType.Float)) {
            module.eval();
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                System.out.println(turn(module, memory, shape, options, Double.parseDouble(line)));
            }
        }
    }

    private static String turn(JitModule module, FloatPointer memory, long[] shape, TensorOptions options,
            double seconds) {
        Histogram nanos = new Histogram(3);
        long begin = System.nanoTime();
        long end = begin + (long) (seconds * 1e9);
        long last = begin;
        do {
            try (PointerScope _ = new PointerScope(); InferenceMode _ = new InferenceMode(true)) {
                var input = torch.from_blob(memory, shape, options);
                module.forward(new IValueVector(new IValue(input))).toTensor().data_ptr();
            }
            long now = System.nanoTime();
            nanos.recordValue(now - last);
            last = now;
        } while (last < end);
        return String.format(Locale.ROOT, "ok\t%d\t%d\t0\t%d\t%d\t%d\t%d\t", nanos.getTotalCount(),
                nanos.getTotalCount(), last - begin, nanos.getValueAtPercentile(50), nanos.getValueAtPercentile(99),
                nanos.getMaxValue());
    }
}
