package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SequencedMap;

/**
 * Decides which configured tensor is which argument or result. TorchScript keeps no names of results, and those of
 * arguments need not be the ones that clients use; one rule holds for all inputs of a model, another for all outputs.
 *
 * @param rule the rule that holds
 * @param positions the position of each tensor, in the order of the configuration
 */
record TensorNames(Rule rule, SequencedMap<String, Integer> positions) {
    private static final String SEPARATOR = "__";

    /** The rules, in order of precedence. */
    enum Rule {
        /** The names are keys of the dictionary that the model takes. */
        DICTIONARY_KEY("keys of the model's dictionary"),
        /** Every name is an argument of {@code forward}. */
        FORWARD_ARGUMENT("arguments of forward"),
        /** Every name is that of a result. */
        RESULT_NAME("names of results"),
        /** Every name ends in {@code __<index>}. */
        NAMED_INDEX("<name>__<index>"),
        /** The order in the configuration counts. */
        CONFIG_ORDER("order of the configuration");

        private final String text;

        Rule(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * Finds the positions of the inputs.
     *
     * @param names the configured inputs, which decide the rule
     * @param derived inputs that the server makes: batch inputs and states
     * @param controls inputs that the sequence batcher sets
     */
    static TensorNames ofInputs(String model, ForwardSignature signature, List<String> names, List<String> derived,
            List<String> controls) {
        LinkedHashMap<String, Integer> positions = new LinkedHashMap<>();
        if (signature.takesDictionary()) {
            for (List<String> group : List.of(names, derived, controls)) {
                group.forEach(name -> positions.put(name, positions.size()));
            }
            return new TensorNames(Rule.DICTIONARY_KEY, positions);
        }
        List<String> arguments = signature.names();
        checkCount(model, names.size() + derived.size() + controls.size(), arguments.size());
        Rule rule = arguments.containsAll(names) ? Rule.FORWARD_ARGUMENT : byNameOrOrder(names);
        for (List<String> group : List.of(names, derived)) {
            for (String name : group) {
                positions.put(name, switch (rule) {
                    case FORWARD_ARGUMENT -> argument(model, arguments, name);
                    case NAMED_INDEX -> index(name).orElseThrow(() -> unconventional(name));
                    case CONFIG_ORDER, DICTIONARY_KEY, RESULT_NAME -> positions.size();
                });
            }
        }
        for (String name : controls) {
            positions.put(name, rule == Rule.FORWARD_ARGUMENT && arguments.contains(name)
                    ? arguments.indexOf(name)
                    : index(name).orElseThrow(() -> unconventional(name)));
        }
        checkCount(model, positions.size(), arguments.size());
        checkEachOnce(model, positions, signature);
        return new TensorNames(rule, positions);
    }

    /** Finds the positions of the outputs. */
    static TensorNames ofOutputs(ForwardSignature signature, List<String> names) {
        LinkedHashMap<String, Integer> positions = new LinkedHashMap<>();
        if (signature.resultNames().containsAll(names)) {
            names.forEach(name -> positions.put(name, signature.resultNames().indexOf(name)));
            return new TensorNames(Rule.RESULT_NAME, positions);
        }
        Rule rule = byNameOrOrder(names);
        for (String name : names) {
            positions.put(name, rule == Rule.NAMED_INDEX ? index(name).orElseThrow() : positions.size());
        }
        return new TensorNames(rule, positions);
    }

    /** Returns whether a name tells a position. */
    static boolean isIndexed(String name) {
        return index(name).isPresent();
    }

    private static Rule byNameOrOrder(List<String> names) {
        return names.stream().allMatch(name -> index(name).isPresent()) ? Rule.NAMED_INDEX : Rule.CONFIG_ORDER;
    }

    /** Returns the number after the first separator, where there is nothing else; what no int holds as the largest. */
    private static OptionalInt index(String name) {
        int separator = name.indexOf(SEPARATOR);
        String digits = separator < 0 ? "" : name.substring(separator + SEPARATOR.length());
        if (digits.isEmpty()) {
            return OptionalInt.empty();
        }
        int index = 0;
        for (int i = 0; i < digits.length(); i++) {
            char digit = digits.charAt(i);
            if (digit < '0' || digit > '9') {
                return OptionalInt.empty();
            }
            index = (int) Math.min(Integer.MAX_VALUE, 10L * index + (digit - '0'));
        }
        return OptionalInt.of(index);
    }

    private static int argument(String model, List<String> arguments, String name) {
        int position = arguments.indexOf(name);
        if (position < 0) {
            throw InferenceException.invalid("unable to load model '" + model + "', input '" + name
                    + "' is no argument of the model, which has " + arguments);
        }
        return position;
    }

    private static InferenceException unconventional(String name) {
        return InferenceException.internal("input '" + name + "' does not follow <name>__<index> naming convention.");
    }

    private static void checkCount(String model, int configured, int provided) {
        if (configured != provided) {
            throw InferenceException.invalid("unable to load model '" + model + "', configuration expects " + configured
                    + " inputs, model provides " + provided);
        }
    }

    private static void checkEachOnce(String model, Map<String, Integer> positions, ForwardSignature signature) {
        LinkedHashSet<Integer> seen = new LinkedHashSet<>();
        positions.forEach((name, position) -> {
            if (position >= signature.arguments().size() || !seen.add(position)) {
                throw InferenceException.invalid("unable to load model '" + model + "', input '" + name
                        + "' stands for argument " + position + ", which "
                        + (seen.contains(position) ? "another input stands for already" : "the model does not have")
                        + ": forward" + signature);
            }
        });
    }
}
