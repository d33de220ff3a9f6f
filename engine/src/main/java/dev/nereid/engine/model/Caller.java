package dev.nereid.engine.model;

import dev.nereid.engine.trace.RequestTrace;

/** Who waits for the answer to a request. Called by the thread that waits. */
public interface Caller {
    /** A caller that never gives up and is not traced. */
    Caller PATIENT = new Caller() {
        @Override
        public RequestTrace trace() {
            return RequestTrace.OFF;
        }

        @Override
        public void waits(Runnable cancel) {
        }

        @Override
        public void answered() {
        }
    };

    /** Returns the trace that the request's way is noted in. */
    RequestTrace trace();

    /**
     * Says that the request is on its way.
     *
     * @param cancel gives the request up; may be called by any thread, also when it is answered already
     */
    void waits(Runnable cancel);

    /** Says that the wait is over. */
    void answered();
}
