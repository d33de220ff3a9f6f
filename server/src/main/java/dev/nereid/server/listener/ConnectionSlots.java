package dev.nereid.server.listener;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** How many connections may be open at a time, of all listeners that share them. Threads: any. */
public final class ConnectionSlots {
    private final int count;
    private final Semaphore free;

    /** Creates so many slots, all of them free. */
    public ConnectionSlots(int count) {
        this.count = count;
        this.free = new Semaphore(count);
    }

    /** Returns how many there are, free or taken. */
    public int count() {
        return count;
    }

    /** Takes a slot for a connection, and returns whether one was free. It is to be given back when that is closed. */
    public boolean tryTake() {
        return free.tryAcquire();
    }

    /**
     * Takes a slot, and waits for one where none is free.
     *
     * @param limit how long to wait
     * @throws InterruptedException when the thread is interrupted meanwhile
     */
    public boolean tryTake(Duration limit) throws InterruptedException {
        return free.tryAcquire() || free.tryAcquire(limit.toNanos(), TimeUnit.NANOSECONDS);
    }

    /** Gives a slot back. */
    public void giveBack() {
        free.release();
    }
}
