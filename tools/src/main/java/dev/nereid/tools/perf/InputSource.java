package dev.nereid.tools.perf;

import java.nio.file.Path;

/** Where the elements of inputs come from. */
public sealed interface InputSource {
    /**
     * Random elements, the same in every run.
     *
     * @param seed what the elements depend on
     */
    record Random(long seed) implements InputSource {
    }

    /** Zeros and empty strings. */
    record Zero() implements InputSource {
    }

    /**
     * A JSON file.
     *
     * @param path where it lies
     */
    record File(Path path) implements InputSource {
    }
}
