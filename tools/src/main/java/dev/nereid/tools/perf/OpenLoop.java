package dev.nereid.tools.perf;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Sends requests when a schedule says so, whether earlier ones have been answered or not.
 *
 * <p>Threads: whoever holds {@code leadLock} waits for the next arrival, gives up the lead, and sends; the others wait
 * for the lead. A leader that leaves nobody behind starts another thread first, so that there are as many threads and
 * connections as requests were ever under way, and one more. Where there may be no more, requests leave late, which
 * their latency includes. {@code membersLock} guards the lists and is taken for no more than to change them; it may be
 * taken under {@code leadLock}, never the other way round.
 */
final class OpenLoop implements Load {
    private static final long GRACE_NANOS = TimeUnit.SECONDS.toNanos(2);

    private final RequestSender.Job job;
    private final int maxConnections;
    private final Pacer pacer;
    private final ReentrantLock leadLock = new ReentrantLock();
    private final ReentrantLock membersLock = new ReentrantLock();
    private volatile boolean isOver;

    @GuardedBy("membersLock")
    private final List<RequestSender> senders = new ArrayList<>();

    @GuardedBy("membersLock")
    private final List<Thread> threads = new ArrayList<>();

    private OpenLoop(RequestSender.Job job, ArrivalSchedule schedule, LoadClock clock, int maxConnections) {
        this.job = job;
        this.maxConnections = maxConnections;
        this.pacer = new Pacer(schedule, clock, () -> isOver);
    }

    /** Starts to send by the schedule. */
    static OpenLoop start(RequestSender.Job job, ArrivalSchedule schedule, LoadClock clock, int maxConnections) {
        OpenLoop loop = new OpenLoop(job, schedule, clock, maxConnections);
        loop.addThread();
        return loop;
    }

    private void addThread() {
        membersLock.lock();
        try {
            if (isOver || threads.size() == maxConnections) {
                return;
            }
            RequestSender sender = new RequestSender(job);
            Thread thread = Thread.ofPlatform().daemon().name("perf-sender-" + threads.size())
                    .unstarted(() -> sendInTurn(sender));
            senders.add(sender);
            threads.add(thread);
            // Under the lock: whoever waits for the threads in the list must find them started.
            thread.start();
        } finally {
            membersLock.unlock();
        }
    }

    private void sendInTurn(RequestSender sender) {
        while (!isOver) {
            long due;
            leadLock.lock();
            try {
                due = pacer.awaitNext();
                if (isOver) {
                    return;
                }
                if (!leadLock.hasQueuedThreads()) {
                    addThread();
                }
            } finally {
                leadLock.unlock();
            }
            sender.sendLate(due);
        }
    }

    @Override
    public void close() {
        List<RequestSender> allSenders;
        List<Thread> allThreads;
        membersLock.lock();
        try {
            isOver = true;
            allSenders = List.copyOf(senders);
            allThreads = List.copyOf(threads);
        } finally {
            membersLock.unlock();
        }
        // Wakes the one that waits for an arrival; reading from a socket is not disturbed.
        allThreads.forEach(Thread::interrupt);
        Threads.end(allThreads, allSenders, GRACE_NANOS);
    }
}
