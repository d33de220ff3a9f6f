package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What a model's {@code forward} takes and returns, without {@code self}.
 *
 * @param arguments the arguments in order
 * @param returnType the type of the result as TorchScript writes it
 * @param returnCount the number of values in the result where it is a tuple, else 1
 * @param resultNames the names of the values in the result, empty where they have none
 */
record ForwardSignature(List<Argument> arguments, String returnType, int returnCount, List<String> resultNames) {
    ForwardSignature {
        arguments = List.copyOf(arguments);
        resultNames = List.copyOf(resultNames);
    }

    /**
     * What an argument is, as far as this backend tells arguments apart. One of the kind {@link #OPTIONAL_TENSOR} may be
     * left out by a request, where the configuration calls the input optional.
     */
    enum Kind {
        TENSOR, OPTIONAL_TENSOR, LIST, TENSOR_DICTIONARY, OTHER_DICTIONARY, OTHER
    }

    /**
     * An argument.
     *
     * @param name its name
     * @param kind what it is
     * @param type its type as libtorch prints it in error texts
     * @param annotation its type as it stands in the source
     */
    record Argument(String name, Kind kind, String type, String annotation) {
    }

    /** Returns whether the model takes its tensors as one dictionary. */
    boolean takesDictionary() {
        return arguments.size() == 1 && arguments.getFirst().kind() == Kind.TENSOR_DICTIONARY;
    }

    List<String> names() {
        return arguments.stream().map(Argument::name).toList();
    }

    /** Checks that this backend can fill every argument. */
    void check() {
        long dictionaries = arguments.stream()
                .filter(argument -> argument.kind() == Kind.TENSOR_DICTIONARY
                        || argument.kind() == Kind.OTHER_DICTIONARY)
                .count();
        if (dictionaries > 1) {
            throw InferenceException.internal("Multiple inputs of kind DictType were detected. Only a single input of"
                    + " type Dict(str, Tensor) is supported.");
        }
        if (takesDictionary()) {
            return;
        }
        for (Argument argument : arguments) {
            boolean isFillable = switch (argument.kind()) {
                case TENSOR, OPTIONAL_TENSOR, LIST -> true;
                case TENSOR_DICTIONARY, OTHER_DICTIONARY, OTHER -> false;
            };
            if (!isFillable) {
                throw InferenceException.internal("An input of type '" + argument.type()
                        + "' was detected in the model. Only a single input of type Dict(str, Tensor) or input(s) of"
                        + " type Tensor are supported.");
            }
        }
    }

    /** Returns the signature as its author wrote it: {@code (x: Tensor, y: Tensor) -> Tensor}. */
    @Override
    public String toString() {
        return arguments.stream().map(argument -> argument.name() + ": " + argument.annotation())
                .collect(Collectors.joining(", ", "(", ") -> " + returnType));
    }
}
