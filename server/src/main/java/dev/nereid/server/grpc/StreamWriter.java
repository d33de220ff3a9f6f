package dev.nereid.server.grpc;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.grpc.wire.InferAnswer;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.Status;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Sends the answers of one stream: those of requests whose order counts in the order of the requests, all others as they
 * come, and none before the client has room for it.
 *
 * <p>Threads: any. One short lock guards the queues; answers are encoded and sent outside it, by one thread at a time:
 * whoever finds nobody sending.
 */
final class StreamWriter {
    private static final Logger LOGGER = System.getLogger(StreamWriter.class.getName());

    private final ServerCall<?, InferAnswer> call;
    private final CallBytes bytes;
    private final Bounds bounds;
    private final Sending sending;
    private final Object lock = new Object();
    /** Requests whose order counts and that are not yet answered, or whose predecessors are not. */
    @GuardedBy("lock")
    private final ArrayDeque<Slot> slots = new ArrayDeque<>();
    @GuardedBy("lock")
    private final ArrayDeque<Answer> ready = new ArrayDeque<>();
    @GuardedBy("lock")
    private int waiting;
    @GuardedBy("lock")
    private long waitingBytes;
    @GuardedBy("lock")
    private int openRequests;
    @GuardedBy("lock")
    private boolean isHalfClosed;
    @GuardedBy("lock")
    private boolean hasEnded;
    @GuardedBy("lock")
    private boolean isSending;
    @GuardedBy("lock")
    private Optional<Status> end = Optional.empty();

    /**
     * What may wait for a client that reads slowly.
     *
     * @param maxWaiting how many answers, before no more requests are read
     * @param maxWaitingBytes how many bytes, before the stream is ended
     */
    record Bounds(int maxWaiting, long maxWaitingBytes) {
    }

    /**
     * Who sends.
     *
     * @param slow sends what would keep others waiting
     * @param maxQuickBytes the largest answer that whoever gives it sends
     * @param whenRoom called when answers were sent, since more requests may be read then; from any thread
     * @param trailers gives what goes with the end of the stream
     */
    record Sending(Executor slow, long maxQuickBytes, Runnable whenRoom, Supplier<Metadata> trailers) {
    }

    /** An answer that waits. Owned by the writer, which closes it. */
    interface Answer extends AutoCloseable {
        /** Returns the bytes of memory that wait with it: the same at any time. */
        long byteSize();

        /** Returns what is to be sent. */
        InferAnswer encode();

        /** Returns how the stream ends instead of sending this; empty for an answer that is sent. */
        default Optional<Status> end() {
            return Optional.empty();
        }

        /** Called when the answer was given to the transport. */
        default void sent() {
        }

        @Override
        void close();
    }

    /** The place of one request. */
    final class Slot {
        private final boolean isOrdered;
        private @Nullable Answer answer;
        private boolean hasAnswer;

        private Slot(boolean isOrdered) {
            this.isOrdered = isOrdered;
        }

        /** Returns whether its answer comes in the order of the requests. */
        boolean isOrdered() {
            return isOrdered;
        }

        /** Gives an answer, of which a request whose order counts has one. */
        void answer(Answer given) {
            StreamWriter.this.answer(this, given);
        }

        /** Says that no more answers come. */
        void end() {
            StreamWriter.this.end(this);
        }
    }

    StreamWriter(ServerCall<?, InferAnswer> call, CallBytes bytes, Bounds bounds, Sending sending) {
        this.sending = sending;
        this.call = call;
        this.bytes = bytes;
        this.bounds = bounds;
    }

    /**
     * Returns a place for the answers to the next request.
     *
     * @param isOrdered whether the answer, of which there is one, comes in the order of the requests
     */
    Slot next(boolean isOrdered) {
        Slot slot = new Slot(isOrdered);
        synchronized (lock) {
            openRequests++;
            if (isOrdered) {
                slots.add(slot);
            }
        }
        return slot;
    }

    /** Returns whether more requests may be read: while half of the bytes that may wait do, none are. */
    boolean takesMore() {
        synchronized (lock) {
            return !hasEnded && end.isEmpty() && waiting < bounds.maxWaiting()
                    && waitingBytes <= bounds.maxWaitingBytes() / 2;
        }
    }

    private void answer(Slot slot, Answer given) {
        Answer dropped = null;
        boolean isSlow = given.byteSize() > sending.maxQuickBytes();
        synchronized (lock) {
            if (hasEnded || end.isPresent() || (slot.isOrdered && slot.hasAnswer)) {
                dropped = given;
            } else {
                waiting++;
                waitingBytes += given.byteSize();
                slot.hasAnswer = true;
                if (slot.isOrdered) {
                    slot.answer = given;
                    advance();
                } else {
                    ready.add(given);
                }
                if (waitingBytes > bounds.maxWaitingBytes() && !call.isReady()) {
                    end = Optional
                            .of(Status.RESOURCE_EXHAUSTED.withDescription("the client reads too slowly: " + waiting
                                    + " responses of " + waitingBytes + " bytes wait for it"));
                }
            }
        }
        if (dropped != null) {
            dropped.close();
        }
        if (isSlow) {
            sending.slow().execute(this::send);
        } else {
            send();
        }
    }

    @GuardedBy("lock")
    private void advance() {
        for (Slot first = slots.peek(); first != null && first.answer != null; first = slots.peek()) {
            slots.remove();
            ready.add(first.answer);
            first.answer = null;
        }
    }

    private void end(Slot slot) {
        synchronized (lock) {
            openRequests--;
            if (slot.isOrdered && !slot.hasAnswer) {
                slots.remove(slot);
                advance();
            }
        }
        send();
    }

    /** Says that no more requests come. */
    void halfClosed() {
        synchronized (lock) {
            isHalfClosed = true;
        }
        send();
    }

    /** Ends the stream with an error, before any answer that waits. */
    void fail(Status status) {
        synchronized (lock) {
            if (end.isEmpty()) {
                end = Optional.of(status);
            }
        }
        send();
    }

    /** Says that the client has gone. */
    void cancelled() {
        synchronized (lock) {
            hasEnded = true;
        }
        discard();
    }

    private void discard() {
        ArrayDeque<Answer> left;
        synchronized (lock) {
            left = new ArrayDeque<>(ready);
            ready.clear();
            for (Slot slot : slots) {
                if (slot.answer != null) {
                    left.add(slot.answer);
                    slot.answer = null;
                }
            }
            slots.clear();
            waiting = 0;
            waitingBytes = 0;
        }
        left.forEach(Answer::close);
    }

    /** Says that the client has room again. */
    void room() {
        if (sending.maxQuickBytes() == 0) {
            sending.slow().execute(this::send);
        } else {
            send();
        }
    }

    /** Sends what there is room for. */
    private void send() {
        boolean hasSent = false;
        for (Answer next = take(); next != null; next = takeNext(next)) {
            try (Answer answer = next) {
                InferAnswer encoded = answer.encode();
                bytes.beforeSending(encoded.byteSize());
                call.sendMessage(encoded);
                answer.sent();
                hasSent = true;
            } catch (InferenceException e) {
                fail(Statuses.of(e));
            } catch (RuntimeException e) {
                LOGGER.log(Level.ERROR, "an answer can't be sent", e);
                fail(Status.INTERNAL.withDescription("internal error; the server's log has the details"));
            }
        }
        if (hasSent) {
            sending.whenRoom().run();
        }
    }

    private @Nullable Answer take() {
        synchronized (lock) {
            if (isSending || hasEnded) {
                return null;
            }
            isSending = true;
        }
        return takeNext(null);
    }

    /** Returns the next answer, or ends sending: with the stream where nothing is left. */
    private @Nullable Answer takeNext(@Nullable Answer before) {
        Optional<Status> status;
        synchronized (lock) {
            if (before != null) {
                waiting = Math.max(0, waiting - 1);
                waitingBytes = Math.max(0, waitingBytes - before.byteSize());
            }
            if (hasEnded) {
                isSending = false;
                return null;
            }
            Answer first = ready.peek();
            if (first != null && end.isEmpty()) {
                end = first.end();
            }
            if (first != null && end.isEmpty()) {
                if (!call.isReady()) {
                    isSending = false;
                    return null;
                }
                bytes.allSent();
                return ready.remove();
            }
            boolean isOver = isHalfClosed && openRequests == 0;
            status = end.isPresent() || !isOver ? end : Optional.of(Status.OK);
            if (status.isEmpty()) {
                isSending = false;
                return null;
            }
            hasEnded = true;
        }
        call.close(status.get(), sending.trailers().get());
        discard();
        return null;
    }
}
