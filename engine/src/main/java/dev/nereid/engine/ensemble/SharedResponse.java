package dev.nereid.engine.ensemble;

import dev.nereid.engine.Response;
import java.util.concurrent.atomic.AtomicInteger;

/** A response of a step, whose outputs several others use. Closed after the last use. Threads: any. */
final class SharedResponse extends AtomicInteger {
    private static final long serialVersionUID = 1L;

    private final transient Response response;

    /** Takes over a response that so many will use, one at least. */
    SharedResponse(Response response, int uses) {
        super(uses);
        this.response = response;
    }

    /** Adds a use; the caller has one. */
    void retain() {
        incrementAndGet();
    }

    /** Ends one use. */
    void release() {
        if (decrementAndGet() == 0) {
            response.close();
        }
    }
}
