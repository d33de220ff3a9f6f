package dev.nereid.server.grpc.wire;

import dev.nereid.backend.api.Parameter;

/** The value of a parameter as it travels. */
public sealed interface WireParameter {
    /** The parameter has a name only. */
    WireParameter NONE = new None();

    /**
     * A value of a kind that parameters have everywhere.
     *
     * @param parameter the value
     */
    record Value(Parameter parameter) implements WireParameter {
    }

    /**
     * A {@code uint64_param}.
     *
     * @param value unsigned
     */
    record Unsigned(long value) implements WireParameter {
    }

    /** No value. */
    record None() implements WireParameter {
    }
}
