package dev.nereid.engine.trace;

/** What is noted of a traced request. */
public enum TraceLevel {
    /** When it passed the points on its way. */
    TIMESTAMPS,
    /** The content of its tensors. */
    TENSORS
}
