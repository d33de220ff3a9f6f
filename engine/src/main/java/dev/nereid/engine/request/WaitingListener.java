package dev.nereid.engine.request;

import dev.nereid.engine.ResponseListener;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Takes the answer to a request for a thread that may be lent to execute batches: one that waits for the answer in
 * {@link #await()}, which has to be woken for it anyway, or one that must not wait and calls {@link #lendOnce()}.
 */
public abstract class WaitingListener implements ResponseListener {
    private static final VarHandle ASSIGNMENT;
    /** Stands in place of an assignment once the thread waits no longer. */
    private static final Runnable GONE = WaitingListener::doNothing;

    static {
        try {
            ASSIGNMENT = MethodHandles.lookup().findVarHandle(WaitingListener.class, "assignment", Runnable.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final boolean mayWait;
    private volatile boolean isDone;
    private volatile @Nullable Runnable assignment;
    private volatile @Nullable Thread waiter;

    /** Creates one whose thread waits for the answer. */
    protected WaitingListener() {
        this(true);
    }

    /**
     * Creates one.
     *
     * @param mayWait whether its thread waits for the answer; otherwise it has other work to do, such as that of many
     *     connections, and is lent for executions that are sure to be short
     */
    protected WaitingListener(boolean mayWait) {
        this.mayWait = mayWait;
    }

    private static void doNothing() {
    }

    /** Returns whether the thread may be held up by an execution that takes long. */
    public final boolean mayWait() {
        return mayWait;
    }

    /** Says that the request has ended, after everything is written that the waiting thread will read. */
    protected final void ended() {
        isDone = true;
        wake();
    }

    /** Returns whether the current thread waits for this answer. */
    public final boolean isOfCurrentThread() {
        return waiter == Thread.currentThread();
    }

    /**
     * Lends the waiting thread: to execute the request's batch, or to answer its requests, the one after the other. Returns
     * false where the thread does not do that, since it has other work to do before, or no longer waits.
     */
    public final boolean assign(Runnable work) {
        if (!ASSIGNMENT.compareAndSet(this, null, work)) {
            return false;
        }
        wake();
        return true;
    }

    private void wake() {
        Thread thread = waiter;
        if (thread != null) {
            LockSupport.unpark(thread);
        }
    }

    /**
     * Executes what was assigned to this thread until now, and lends it no more. For a thread that must not wait: it calls
     * this once its request is submitted.
     */
    @SuppressWarnings("ReferenceEquality") // The mark is one object.
    public final void lendOnce() {
        waiter = Thread.currentThread();
        while (!ASSIGNMENT.compareAndSet(this, null, GONE)) {
            Runnable work = assignment;
            if (work == null || work == GONE) {
                return;
            }
            assignment = null;
            work.run();
        }
    }

    /**
     * Waits until the request has ended; executes what is assigned to this thread meanwhile.
     *
     * <p>No wake-up can be lost. Who assigns a batch or ends the request writes {@code assignment} or {@code isDone} and
     * then reads {@code waiter}; this thread writes {@code waiter} and then reads the two. All are volatile, so at least
     * one side sees what the other wrote: either the waker unparks this thread, whose permit makes the next park return
     * at once, or this thread finds the work before it parks. Each round looks at both fields after the park before, so
     * a permit that was used up stands for something that is looked at. No assignment overwrites another, and none is taken
     * once this thread has gone.
     */
    public final void await() {
        waiter = Thread.currentThread();
        boolean interrupted = false;
        while (true) {
            Runnable work = assignment;
            if (work != null) {
                assignment = null;
                // Who interrupts a client's thread must not end the execution of other clients' requests.
                interrupted |= Thread.interrupted();
                work.run();
            } else if (isDone) {
                if (ASSIGNMENT.compareAndSet(this, null, GONE)) {
                    break;
                }
            } else {
                LockSupport.park(this);
                // An interrupt must not end the wait: the request's memory is in use until it is answered.
                interrupted |= Thread.interrupted();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
