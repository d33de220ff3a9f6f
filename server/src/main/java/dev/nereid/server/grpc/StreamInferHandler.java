package dev.nereid.server.grpc;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.engine.Response;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.trace.TracePoint;
import dev.nereid.server.grpc.wire.InferAnswer;
import dev.nereid.server.grpc.wire.InferMessage;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.Status;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * {@code ModelStreamInfer} (grpc, 5): any number of requests to any models. The next request is read when the one before
 * was submitted, and not while too much waits for the client.
 */
final class StreamInferHandler implements ServerCallHandler<InferMessage, InferAnswer> {
    private static final Logger LOGGER = System.getLogger(StreamInferHandler.class.getName());
    private static final Metadata.Key<String> ENDS_WITH_ERRORS = Metadata.Key.of("triton_grpc_error",
            Metadata.ASCII_STRING_MARSHALLER);
    private static final String IS_FINAL = "triton_final_response";

    private final InferServices services;
    private final StreamWriter.Bounds bounds;

    StreamInferHandler(InferServices services, StreamWriter.Bounds bounds) {
        this.services = services;
        this.bounds = bounds;
    }

    @Override
    public ServerCall.Listener<InferMessage> startCall(ServerCall<InferMessage, InferAnswer> call, Metadata headers) {
        boolean isCompressed = services.chooseEncoding(call, headers);
        call.sendHeaders(new Metadata());
        call.request(1);
        return new Listener(call, headers, CallBytes.current(), isCompressed);
    }

    private final class Listener extends ServerCall.Listener<InferMessage> {
        private final ServerCall<InferMessage, InferAnswer> call;
        private final Metadata headers;
        private final boolean endsWithErrors;
        private final LoadTrailers trailers;
        private final StreamWriter writer;
        private final Set<Exchange> running = ConcurrentHashMap.newKeySet();
        /** Whether the next request is to be asked for as soon as there is room for its answers. */
        private final AtomicBoolean waits = new AtomicBoolean();
        private volatile boolean isOver;
        private long waitStart = System.nanoTime();

        Listener(ServerCall<InferMessage, InferAnswer> call, Metadata headers, CallBytes bytes, boolean isCompressed) {
            this.call = call;
            this.headers = headers;
            this.endsWithErrors = "true".equals(headers.get(ENDS_WITH_ERRORS));
            this.trailers = new LoadTrailers(headers);
            this.writer = new StreamWriter(call, bytes, bounds,
                    new StreamWriter.Sending(services.slowAnswers(), isCompressed ? 0 : InferServices.MAX_QUICK_BYTES,
                            this::readOn, trailers::atTheEnd));
        }

        @Override
        public void onMessage(InferMessage message) {
            if (isOver) {
                message.close();
                return;
            }
            new Exchange(this, message, waitStart).start(headers);
            waitStart = System.nanoTime();
            waits.set(true);
            readOn();
        }

        private void readOn() {
            if (waits.get() && writer.takesMore() && waits.compareAndSet(true, false)) {
                call.request(1);
            }
        }

        @Override
        public void onReady() {
            writer.room();
        }

        @Override
        public void onHalfClose() {
            writer.halfClosed();
        }

        @Override
        public void onCancel() {
            writer.cancelled();
            giveUp();
        }

        /** Reads no more; requests that still run are given up. */
        private void giveUp() {
            isOver = true;
            running.forEach(InferExchange::cancel);
        }
    }

    /** One request of a stream. */
    private final class Exchange extends InferExchange {
        private final Listener stream;
        private StreamWriter.@Nullable Slot slot;
        private boolean hasEnd;

        Exchange(Listener stream, InferMessage message, long waitStart) {
            super(services, message, waitStart);
            this.stream = stream;
        }

        void start(Metadata headers) {
            stream.running.add(this);
            try {
                submit(headers);
            } catch (InferenceException e) {
                refuse(e);
            } catch (RuntimeException | VirtualMachineError e) {
                LOGGER.log(Level.ERROR, Methods.STREAM_INFER + " failed", e);
                refuse(InferenceException.internal("internal error; the server's log has the details"));
            }
            if (stream.isOver) {
                cancel();
            }
        }

        @Override
        void chosen(ServedVersion version) {
            if (slot == null) {
                slot = stream.writer.next(!version.config().isDecoupled());
            }
            stream.trailers.chosen(services.engine(), version);
        }

        private StreamWriter.Slot slot() {
            StreamWriter.Slot place = slot;
            if (place == null) {
                place = stream.writer.next(true);
                slot = place;
            }
            return place;
        }

        /** Tells what is wrong with a request that was not taken. */
        private void refuse(InferenceException error) {
            LOGGER.log(Level.DEBUG, () -> Methods.STREAM_INFER + ": " + error.getMessage());
            note("ModelStreamInfer", error);
            stream.running.remove(this);
            StreamWriter.Slot place = slot();
            answer(place, failure(new InferAnswer.About("", "", id(), Map.of()), error), null);
            over();
            place.end();
        }

        @Override
        public void response(Response given, boolean isLast) {
            boolean isFinal = isLast || !isDecoupled();
            hasEnd |= isFinal;
            InferAnswer answer;
            try {
                Map<String, Parameter> parameters = new LinkedHashMap<>(given.parameters());
                parameters.put(IS_FINAL, Parameter.of(isFinal));
                answer = InferAnswer.onStream(about(parameters), outputs(given));
            } catch (InferenceException e) {
                given.close();
                tell(e, isFinal);
                return;
            } catch (RuntimeException | VirtualMachineError e) {
                LOGGER.log(Level.ERROR, Methods.STREAM_INFER + " failed", e);
                given.close();
                tell(InferenceException.internal("internal error; the server's log has the details"), isFinal);
                return;
            }
            if (isLast) {
                releaseSharedMemory();
            }
            answer(slot(), answer, given);
        }

        private boolean isDecoupled() {
            return !slot().isOrdered();
        }

        /** Tells an error that came instead of a response. */
        private void tell(InferenceException error, boolean isFinal) {
            note("ModelStreamInfer", error);
            if (stream.endsWithErrors) {
                // In its place: answers to earlier requests come first.
                slot().answer(new End(stream, Statuses.of(error)));
                return;
            }
            answer(slot(), failure(asAsked(Map.of(IS_FINAL, Parameter.of(isFinal))), error), null);
        }

        private static InferAnswer failure(InferAnswer.About about, InferenceException error) {
            return InferAnswer.failure(about, error.getMessage());
        }

        private void answer(StreamWriter.Slot place, InferAnswer answer, @Nullable Response response) {
            sends();
            place.answer(new Answer(this, answer, response));
        }

        @Override
        public void end(@Nullable InferenceException error) {
            stream.running.remove(this);
            releaseSharedMemory();
            if (error != null) {
                tell(error, true);
            } else if (!hasEnd && isDecoupled() && wantsEmptyFinal()) {
                answer(slot(), InferAnswer.onStream(asAsked(Map.of(IS_FINAL, Parameter.of(true))), List.of()), null);
            }
            over();
            slot().end();
        }
    }

    /** The end of a stream with an error, in the place of an answer. */
    private record End(Listener stream, Status status) implements StreamWriter.Answer {
        @Override
        public long byteSize() {
            return 0;
        }

        @Override
        public InferAnswer encode() {
            throw new IllegalStateException("not an answer");
        }

        @Override
        public Optional<Status> end() {
            return Optional.of(status);
        }

        @Override
        public void close() {
            stream.giveUp();
        }
    }

    /** An answer that waits to be sent. */
    private record Answer(Exchange exchange, InferAnswer message, @Nullable Response response)
            implements
                StreamWriter.Answer {
        @Override
        public long byteSize() {
            return message.byteSize();
        }

        @Override
        public InferAnswer encode() {
            exchange.trace().mark(TracePoint.GRPC_SEND_START);
            return message;
        }

        @Override
        public void sent() {
            exchange.trace().mark(TracePoint.GRPC_SEND_END);
        }

        @Override
        public void close() {
            if (response != null) {
                response.close();
            }
            exchange.sent();
        }
    }
}
