package dev.nereid.engine.model;

import dev.nereid.engine.Ticket;
import dev.nereid.engine.trace.RequestTrace;

/** Who waits for the one answer to a request. Called by the thread that waits. */
public interface InferenceClient {
    /** A client that never gives up and is not traced. */
    InferenceClient PATIENT = patient(RequestTrace.OFF);

    /** Returns a client that never gives up. */
    static InferenceClient patient(RequestTrace trace) {
        return new Patient(trace);
    }

    /** A client that never gives up. */
    record Patient(RequestTrace trace) implements InferenceClient {
        @Override
        public void waits(Ticket ticket) {
        }

        @Override
        public void answered() {
        }
    }

    /** Returns the trace that the request's way is noted in. */
    RequestTrace trace();

    /**
     * Says that the request is on its way.
     *
     * @param ticket gives the request up
     */
    void waits(Ticket ticket);

    /**
     * Says that nobody reads the request's inputs any more, although its answer is still to come. From any thread, while
     * another waits, but not after {@link #answered}. For most requests it is never called.
     */
    default void inputsUsed() {
    }

    /** Says that the wait is over. */
    void answered();
}
