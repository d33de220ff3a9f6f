package dev.nereid.engine.stats;

import dev.nereid.backend.api.StatusCode;

/** Why a request failed, as the label of the failure metric tells it. */
public enum FailureReason {
    /** It waited longer than the queue allows. */
    REJECTED,
    /** The client gave up. */
    CANCELED,
    /** The backend answered with an error. */
    BACKEND,
    /** Anything else. */
    OTHER;

    /** Returns the reason for an error of a request that a backend was executing. */
    public static FailureReason ofExecution(StatusCode code) {
        return code == StatusCode.CANCELLED ? CANCELED : BACKEND;
    }
}
