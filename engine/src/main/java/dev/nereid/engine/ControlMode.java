package dev.nereid.engine;

/** When models are loaded. */
public enum ControlMode {
    /** All at the start, never again. */
    NONE,
    /** All at the start, and whenever the repository changes. */
    POLL,
    /** By request. */
    EXPLICIT
}
