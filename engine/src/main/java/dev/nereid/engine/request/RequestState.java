package dev.nereid.engine.request;

/** Where a request is. */
public enum RequestState {
    /** It was not submitted yet. */
    CREATED,
    /** It waits. */
    QUEUED,
    /** Its batch is being executed. */
    EXECUTING,
    /** Its batch is being executed, and its backend has said that it answers later. */
    DETACHED,
    /** The execution of its batch has returned, the answer is still to come. */
    LATE,
    /** Its backend wants it executed again. */
    AGAIN,
    /** Its answer is being written down. */
    ANSWERING,
    /** It is answered, but its listener does not know yet. */
    ANSWERED,
    /** Its listener has been told the end. */
    ENDED;

    /** Returns whether a backend may still answer. */
    boolean isOpen() {
        return this == EXECUTING || this == DETACHED || this == LATE;
    }
}
