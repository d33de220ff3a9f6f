package dev.nereid.backend.pytorch;

import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What can be said to somebody whose configuration lacks inputs or outputs. TorchScript knows neither datatypes nor
 * shapes, so these stay to be filled in.
 */
final class ConfigSketch {
    private ConfigSketch() {
    }

    static String of(ForwardSignature signature) {
        String inputs = signature.takesDictionary()
                ? "input [ { name: \"<key of the dictionary>\" data_type: TYPE_FP32 dims: [ -1 ] } ]"
                : signature.arguments().stream().map(argument -> tensor(argument.name(), argument.annotation()))
                        .collect(Collectors.joining(", ", "input [ ", " ]"));
        String outputs = IntStream.range(0, signature.returnCount())
                .mapToObj(index -> tensor("OUTPUT__" + index,
                        signature.returnCount() == 1 ? signature.returnType() : ""))
                .collect(Collectors.joining(", ", "output [ ", " ]"));
        return "The model has forward" + signature
                + "; TorchScript tells neither data types nor dims, so correct these in: " + inputs + " " + outputs;
    }

    private static String tensor(String name, String annotation) {
        String dataType = annotation.equals("List[str]") ? "TYPE_STRING" : "TYPE_FP32";
        return "{ name: \"" + name + "\" data_type: " + dataType + " dims: [ -1 ] }";
    }
}
