package dev.nereid.tools.perf;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Decides the shapes of inputs, without the batch.
 *
 * @param given by input name, what the command line says
 */
public record Shapes(Map<String, List<Long>> given) {
    private static final long ANY = -1;

    /** Keeps a copy of the map. */
    public Shapes {
        given = Map.copyOf(given);
    }

    /** Refuses shapes for inputs that the model lacks, and those that do not fit what the model says. */
    void check(ModelDescription model) {
        given.forEach((name, shape) -> {
            TensorDescription input = model.input(name).orElseThrow(() -> new PerfException(
                    "model '" + model.name() + "' has no input '" + name + "', which --shape names; its inputs are "
                            + String.join(", ", model.inputs().stream().map(TensorDescription::name).toList())));
            checkFit(input, shape);
        });
    }

    private static void checkFit(TensorDescription input, List<Long> shape) {
        boolean fits = shape.size() == input.dims().size();
        for (int i = 0; fits && i < shape.size(); i++) {
            fits = input.dims().get(i) == ANY || input.dims().get(i).equals(shape.get(i));
        }
        if (!fits) {
            throw new PerfException("input '" + input.name() + "' has the shape " + text(input.dims())
                    + " (without the batch), which " + text(shape) + " does not fit");
        }
    }

    /** Returns the shape of an input whose elements can be made as they are needed. */
    List<Long> of(TensorDescription input) {
        List<Long> shape = given.getOrDefault(input.name(), input.dims());
        if (shape.contains(ANY)) {
            throw new PerfException("input '" + input.name() + "' has the shape " + text(shape)
                    + "; say which sizes to use with --shape " + input.name() + ":"
                    + String.join(",", shape.stream().map(size -> size == ANY ? "<size>" : size.toString()).toList()));
        }
        return shape;
    }

    /** Returns the shape of an input of which the elements are given, and maybe the shape. */
    List<Long> of(TensorDescription input, Optional<List<Long>> shape, long elements) {
        List<Long> dims = shape.orElse(given.getOrDefault(input.name(), input.dims()));
        if (dims.stream().filter(size -> size == ANY).count() == 1) {
            long rest = dims.stream().filter(size -> size != ANY).reduce(1L, Math::multiplyExact);
            dims = dims.stream().map(size -> size == ANY && rest > 0 ? (Long) (elements / rest) : size).toList();
        }
        checkFit(input, dims);
        if (dims.contains(ANY) || elementCount(dims) != elements) {
            throw new PerfException("input '" + input.name() + "' has " + elements + " elements, its shape is "
                    + text(dims.contains(ANY) ? input.dims() : dims));
        }
        return dims;
    }

    static long elementCount(List<Long> shape) {
        try {
            return shape.stream().reduce(1L, Math::multiplyExact);
        } catch (ArithmeticException e) {
            throw new PerfException("a tensor of the shape " + text(shape) + " has too many elements", e);
        }
    }

    static String text(List<Long> shape) {
        return "[" + String.join(",", shape.stream().map(String::valueOf).toList()) + "]";
    }
}
