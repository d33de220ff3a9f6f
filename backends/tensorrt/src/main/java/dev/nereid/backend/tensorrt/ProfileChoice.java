package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.tensorrt.EngineLayout.Profile;
import dev.nereid.backend.tensorrt.EngineLayout.Range;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** The optimisation profiles of an instance, and which of them serves a request best. */
final class ProfileChoice {
    private ProfileChoice() {
    }

    /**
     * Returns the index that a profile's name stands for.
     *
     * @throws InferenceException INVALID_ARG when it is none
     */
    static int parse(String name) {
        if (name.isEmpty()) {
            throw InferenceException.invalid("profile name must not be empty");
        }
        int index;
        try {
            index = Integer.parseInt(name);
        } catch (NumberFormatException e) {
            throw InferenceException.invalid("unable to parse '" + name + "': stoi");
        }
        if (index < 0) {
            throw InferenceException.invalid("profile '" + name + "' is negative, expected an index from 0 on");
        }
        return index;
    }

    /**
     * Returns the profiles by the names under which an instance group has them; {@code default} is the first.
     *
     * @throws InferenceException INVALID_ARG when the engine has no such profile
     */
    static Map<Integer, String> of(List<String> names, EngineLayout engine, String instance) {
        Map<Integer, String> profiles = new LinkedHashMap<>();
        for (String name : names.isEmpty() ? List.of("default") : names) {
            int index = names.isEmpty() ? 0 : parse(name);
            if (index >= engine.profiles().size()) {
                throw InferenceException.invalid("Can not set the specified optimization profile " + name + "[" + index
                        + "] for " + instance + ". Expected optimization profile index range 0-"
                        + (engine.profiles().size() - 1));
            }
            profiles.putIfAbsent(index, name);
        }
        return profiles;
    }

    /** Returns the largest first dimension that a profile allows; 0 where there is none. */
    static long maxBatchSize(EngineLayout engine, Profile profile) {
        long largest = Long.MAX_VALUE;
        for (EngineLayout.IoTensor input : engine.inputs()) {
            Range range = input.isShape() ? profile.values().get(input.name()) : profile.shapes().get(input.name());
            if (range != null && range.max().rank() > 0) {
                largest = Math.min(largest, range.max().get(0));
            }
        }
        return largest == Long.MAX_VALUE ? 0 : largest;
    }

    /**
     * Returns what keeps a shape from fitting, in the reference's words; empty where it fits.
     *
     * @param ignoredMinimum how many of the outer dimensions may be smaller: more requests may join
     */
    static Optional<String> misfit(Dims dims, Range range, int ignoredMinimum) {
        if (dims.rank() != range.max().rank()) {
            return Optional.of("model expected " + range.max().rank() + " dimensions but received " + dims.rank()
                    + " dimensions");
        }
        for (int i = 0; i < dims.rank(); i++) {
            long min = i < ignoredMinimum ? 0 : range.min().get(i);
            if (dims.get(i) < min || dims.get(i) > range.max().get(i)) {
                return Optional.of("model expected the shape of dimension " + i + " to be between "
                        + range.min().get(i) + " and " + range.max().get(i) + " but received " + dims.get(i));
            }
        }
        return Optional.empty();
    }

    /** Returns what keeps values from fitting; empty where they fit. */
    static Optional<String> misfitOfValues(Dims values, Range range, int ignoredMinimum) {
        if (values.rank() != range.max().rank()) {
            return Optional.of("mismatch between the number of shape values. Expecting " + range.max().rank() + ". Got "
                    + values.rank());
        }
        for (int i = 0; i < values.rank(); i++) {
            long min = i < ignoredMinimum ? 0 : range.min().get(i);
            if (values.get(i) < min || values.get(i) > range.max().get(i)) {
                return Optional.of("The shape value at index " + i + " is expected to be in range from "
                        + range.min().get(i) + " to " + range.max().get(i) + ", Got: " + values.get(i));
            }
        }
        return Optional.empty();
    }

    /** Returns how far a request is from what a profile is optimised for; empty where the profile can't serve it. */
    static OptionalLong distance(Profile profile, Map<String, Dims> shapes, Map<String, Dims> values) {
        long distance = 0;
        for (Map.Entry<String, Dims> shape : shapes.entrySet()) {
            Range range = profile.shapes().get(shape.getKey());
            if (range == null) {
                continue;
            }
            if (misfit(shape.getValue(), range, 0).isPresent()) {
                return OptionalLong.empty();
            }
            distance += distance(shape.getValue(), range.opt());
        }
        for (Map.Entry<String, Dims> value : values.entrySet()) {
            Range range = profile.values().get(value.getKey());
            if (range == null) {
                continue;
            }
            if (misfitOfValues(value.getValue(), range, 0).isPresent()) {
                return OptionalLong.empty();
            }
            distance += distance(value.getValue(), range.opt());
        }
        return OptionalLong.of(distance);
    }

    private static long distance(Dims one, Dims other) {
        long distance = 0;
        for (int i = 0; i < one.rank(); i++) {
            distance += Math.abs(one.get(i) - other.get(i));
        }
        return distance;
    }

    /**
     * Returns the index of the profile that is closest, the first of equals.
     *
     * @throws InferenceException INVALID_ARG with the reference's text when none fits
     */
    static int closest(Map<Integer, String> names, EngineLayout engine, Map<String, Dims> shapes,
            Map<String, Dims> values) {
        int best = -1;
        long shortest = Long.MAX_VALUE;
        for (int index : names.keySet()) {
            OptionalLong distance = distance(engine.profiles().get(index), shapes, values);
            if (distance.isPresent() && distance.getAsLong() < shortest) {
                best = index;
                shortest = distance.getAsLong();
            }
        }
        if (best < 0) {
            List<String> known = new ArrayList<>();
            names.forEach((index, name) -> known.add(" " + name + "[" + index + "]"));
            throw InferenceException.invalid("failed to find any Optimization Profile among ["
                    + String.join(";", known) + "] to support the requested dimensions (or shape values)");
        }
        return best;
    }
}
