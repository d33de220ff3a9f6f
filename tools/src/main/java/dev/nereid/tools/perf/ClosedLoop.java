package dev.nereid.tools.perf;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Keeps a number of requests under way: each sender waits for its answer, then sends again. Threads: one for each
 * sender; {@code isOver} tells them to end after the request under way, closing the connection ends that too.
 */
final class ClosedLoop implements Load {
    /** Up to here threads of the system: a blocking read is one call for them, and two or more for virtual ones. */
    private static final int MAX_PLATFORM_THREADS = 512;
    private static final long GRACE_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final List<RequestSender> senders = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private volatile boolean isOver;

    private ClosedLoop() {
    }

    /** Starts that many senders. */
    static ClosedLoop start(int concurrency, RequestSender.Job job) {
        ClosedLoop loop = new ClosedLoop();
        Thread.Builder builder = concurrency <= MAX_PLATFORM_THREADS
                ? Thread.ofPlatform().daemon()
                : Thread.ofVirtual();
        builder.name("perf-sender-", 0);
        for (int i = 0; i < concurrency; i++) {
            RequestSender sender = new RequestSender(job);
            loop.senders.add(sender);
            loop.threads.add(builder.unstarted(() -> {
                while (!loop.isOver) {
                    sender.send();
                }
            }));
        }
        loop.threads.forEach(Thread::start);
        return loop;
    }

    @Override
    public void close() {
        isOver = true;
        Threads.end(threads, senders, GRACE_NANOS);
    }
}
