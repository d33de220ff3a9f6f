package dev.nereid.benchmark;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.tools.perf.ArrivalSchedule;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Sends mixed requests at a fixed rate, whether earlier ones were fast or slow, and looks at each answer; now and then it
 * does something else beside them.
 *
 * <p>Threads: one for each connection, which waits for the next request that is due and sends it, late where all are busy;
 * one for what is done beside; any may ask for the counts.
 */
final class SoakLoad implements AutoCloseable {
    private static final long PATIENCE_MILLIS = 30_000;
    private static final int HUNDRED = 100;

    private final List<SoakRequest> requests;
    private final CountDownLatch over = new CountDownLatch(1);
    private final List<Thread> threads = new ArrayList<>();
    private final long start = System.nanoTime();

    @GuardedBy("this")
    private long answered;
    @GuardedBy("this")
    private long wrong;
    @GuardedBy("this")
    private Optional<String> firstProblem = Optional.empty();

    private SoakLoad(List<SoakRequest> requests) {
        this.requests = List.copyOf(requests);
    }

    /**
     * Begins to send.
     *
     * @param requests whose shares come to a hundred
     * @param rate requests a second
     * @param beside is done again and again, and says what went wrong
     * @param besideSeconds how often it begins
     */
    static SoakLoad start(ServerClient client, List<SoakRequest> requests, double rate, int connections,
            Supplier<Optional<String>> beside, double besideSeconds) {
        SoakLoad load = new SoakLoad(requests);
        ArrivalSchedule arrivals = ArrivalSchedule.constant(rate);
        for (int i = 0; i < connections; i++) {
            SplittableRandom random = new SplittableRandom(i);
            load.run("soak-sender-" + i, arrivals,
                    () -> load.count(1, load.pick(random.nextInt(HUNDRED)).send(client)));
        }
        load.run("soak-beside", ArrivalSchedule.constant(1 / besideSeconds), () -> load.count(0, beside.get()));
        return load;
    }

    private void run(String name, ArrivalSchedule arrivals, Runnable action) {
        threads.add(Thread.ofPlatform().daemon().name(name).start(() -> {
            try {
                while (awaitNext(arrivals)) {
                    action.run();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
    }

    /** Waits until the next request is due; returns whether it is to be sent. */
    private boolean awaitNext(ArrivalSchedule arrivals) throws InterruptedException {
        long due;
        synchronized (arrivals) {
            due = start + arrivals.next();
        }
        return !over.await(due - System.nanoTime(), TimeUnit.NANOSECONDS);
    }

    private SoakRequest pick(int of100) {
        int rest = of100;
        for (SoakRequest request : requests) {
            rest -= request.share();
            if (rest < 0) {
                return request;
            }
        }
        throw new IllegalStateException("the shares come to less than a hundred");
    }

    private synchronized void count(int requests, Optional<String> problem) {
        answered += requests;
        if (problem.isPresent()) {
            wrong++;
            firstProblem = firstProblem.or(() -> problem);
        }
    }

    /** Returns how many requests were answered, rightly or not. */
    synchronized long answered() {
        return answered;
    }

    /** Returns how often an answer was wrong or did not come, or something went wrong beside. */
    synchronized long wrong() {
        return wrong;
    }

    /** Returns what was wrong first. */
    synchronized Optional<String> firstProblem() {
        return firstProblem;
    }

    /** Returns the minutes since the beginning. */
    double minutes() {
        return (System.nanoTime() - start) / 60e9;
    }

    /** Sends no more and waits for the answers that are missing; one that does not come is wrong. */
    @Override
    public void close() {
        over.countDown();
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MILLIS);
        for (Thread thread : threads) {
            try {
                thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
            if (thread.isAlive()) {
                count(0, Optional.of("a request was not answered in " + PATIENCE_MILLIS / 1000 + " s"));
                thread.interrupt();
            }
        }
    }
}
