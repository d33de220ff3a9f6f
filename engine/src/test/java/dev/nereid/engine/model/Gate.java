package dev.nereid.engine.model;

import java.util.concurrent.CountDownLatch;

/** A place where a backend waits until its test lets it go on. Threads: any. */
final class Gate {
    private final CountDownLatch arrivals;
    private final CountDownLatch opening = new CountDownLatch(1);

    Gate() {
        this(1);
    }

    /** Creates a closed gate that knows when that many have come. */
    Gate(int arrivals) {
        this.arrivals = new CountDownLatch(arrivals);
    }

    /** Waits until the gate is open. */
    void pass() {
        arrivals.countDown();
        EngineFixture.await(opening);
    }

    /** Waits until as many have come as are expected. */
    void awaitArrivals() {
        EngineFixture.await(arrivals);
    }

    /** Lets all go on, now and from here on. */
    void open() {
        opening.countDown();
    }
}
