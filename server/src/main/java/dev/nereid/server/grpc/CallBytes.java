package dev.nereid.server.grpc;

import dev.nereid.backend.api.InferenceException;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts the bytes of one call that the transport holds, from the first one on the wire until its message is taken over,
 * its answer is sent or the call has ended. A message that passes a bound is refused while it comes in, which ends the
 * call.
 *
 * <p>Threads: any; the transport counts on its event loop, answers are counted where they are sent.
 */
final class CallBytes extends ServerStreamTracer {
    private static final Context.Key<CallBytes> KEY = Context.key("nereid-call-bytes");

    private final TransportMemory memory;
    private final long maxMessageBytes;
    private final AtomicLong received = new AtomicLong();
    private final AtomicLong sent = new AtomicLong();
    private volatile boolean isClosed;
    /** Of the message that is being read. */
    private long messageBytes;

    private CallBytes(TransportMemory memory, long maxMessageBytes) {
        this.memory = memory;
        this.maxMessageBytes = maxMessageBytes;
    }

    /** Counts the bytes of all calls of a server. */
    static final class Factory extends ServerStreamTracer.Factory {
        private final TransportMemory memory;

        Factory(TransportMemory memory) {
            this.memory = memory;
        }

        @Override
        public ServerStreamTracer newServerStreamTracer(String fullMethodName, Metadata headers) {
            return new CallBytes(memory, Methods.maxMessageBytes(fullMethodName));
        }
    }

    /** Returns those of the call that the current thread works for. */
    static CallBytes current() {
        CallBytes current = KEY.get();
        if (current == null) {
            throw new IllegalStateException("no call");
        }
        return current;
    }

    @Override
    public Context filterContext(Context context) {
        return context.withValue(KEY, this);
    }

    @Override
    public void inboundWireSize(long bytes) {
        messageBytes += bytes;
        try {
            if (messageBytes > maxMessageBytes) {
                throw InferenceException.invalid(
                        "a message of more than " + maxMessageBytes + " bytes is not accepted for this method");
            }
            count(received, bytes);
        } catch (InferenceException e) {
            // The transport ends the call with it.
            throw Statuses.of(e).asRuntimeException();
        }
    }

    @Override
    public void inboundMessageRead(int seqNo, long optionalWireSize, long optionalUncompressedSize) {
        messageBytes = 0;
    }

    /** Says that the message that came last is taken over. */
    void takenOver() {
        memory.release(received.getAndSet(0));
    }

    /**
     * Counts an answer that the transport is about to get.
     *
     * @throws InferenceException UNAVAILABLE when a bound is reached
     */
    void beforeSending(long bytes) {
        count(sent, bytes);
    }

    /** Says that the transport has sent all answers that it got. */
    void allSent() {
        memory.release(sent.getAndSet(0));
    }

    private void count(AtomicLong counter, long bytes) {
        memory.reserve(bytes);
        counter.addAndGet(bytes);
        if (isClosed) {
            memory.release(counter.getAndSet(0));
        }
    }

    @Override
    public void streamClosed(Status status) {
        isClosed = true;
        takenOver();
        allSent();
    }
}
