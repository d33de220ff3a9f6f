package dev.nereid.engine.model;

/** States of a model version, as the repository index names them. */
public enum VersionState {
    /** Not known. */
    UNKNOWN,
    /** Serving. */
    READY,
    /** Not serving; the reason tells why. */
    UNAVAILABLE,
    /** Being loaded for the first time. */
    LOADING,
    /** No longer serving; running requests are being finished. */
    UNLOADING
}
