package dev.nereid.server.grpc;

import dev.nereid.backend.api.InferenceException;
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
import org.jspecify.annotations.Nullable;

/**
 * {@code ModelInfer} (grpc, 4). Nothing blocks: a call's thread submits its request, and whoever has the answer sends it,
 * or hands it to another thread where that takes long.
 */
final class InferHandler implements ServerCallHandler<InferMessage, InferAnswer> {
    private static final Logger LOGGER = System.getLogger(InferHandler.class.getName());

    private final InferServices services;

    InferHandler(InferServices services) {
        this.services = services;
    }

    @Override
    public ServerCall.Listener<InferMessage> startCall(ServerCall<InferMessage, InferAnswer> call, Metadata headers) {
        // A second one, which would be an error, is noticed this way.
        call.request(2);
        return new Listener(call, headers, CallBytes.current());
    }

    /** Owns the message until the request is submitted. */
    private final class Listener extends ServerCall.Listener<InferMessage> {
        private final ServerCall<InferMessage, InferAnswer> call;
        private final Metadata headers;
        private final CallBytes bytes;
        private final long start = System.nanoTime();
        private @Nullable InferMessage message;
        private @Nullable Exchange exchange;
        private boolean hasEnded;

        Listener(ServerCall<InferMessage, InferAnswer> call, Metadata headers, CallBytes bytes) {
            this.call = call;
            this.headers = headers;
            this.bytes = bytes;
        }

        @Override
        public void onMessage(InferMessage received) {
            if (message != null || hasEnded) {
                received.close();
                refuse();
                return;
            }
            message = received;
        }

        private void refuse() {
            release();
            if (!hasEnded && !call.isCancelled()) {
                hasEnded = true;
                call.close(Status.INVALID_ARGUMENT.withDescription("a call of this method has one request"),
                        new Metadata());
            }
        }

        private void release() {
            InferMessage held = message;
            message = null;
            if (held != null) {
                held.close();
            }
        }

        @Override
        public void onHalfClose() {
            InferMessage received = message;
            if (received == null || hasEnded) {
                refuse();
                return;
            }
            message = null;
            hasEnded = true;
            Exchange started = new Exchange(call, bytes, received, start,
                    services.chooseEncoding(call, headers), new LoadTrailers(headers));
            exchange = started;
            started.start(headers);
        }

        @Override
        public void onCancel() {
            hasEnded = true;
            release();
            Exchange running = exchange;
            if (running != null) {
                running.cancel();
            }
        }
    }

    /** One call. */
    private final class Exchange extends InferExchange {
        private final ServerCall<InferMessage, InferAnswer> call;
        private final CallBytes bytes;
        private final boolean isCompressed;
        private @Nullable Response response;
        private boolean hasMore;
        private final LoadTrailers trailers;

        Exchange(ServerCall<InferMessage, InferAnswer> call, CallBytes bytes, InferMessage message, long start,
                boolean isCompressed, LoadTrailers trailers) {
            super(services, message, start);
            this.call = call;
            this.bytes = bytes;
            this.isCompressed = isCompressed;
            this.trailers = trailers;
        }

        void start(Metadata headers) {
            try {
                submit(headers);
            } catch (InferenceException e) {
                fail(e);
                over();
            } catch (RuntimeException | VirtualMachineError e) {
                fail(e);
                over();
            }
        }

        @Override
        void chosen(ServedVersion version) {
            trailers.chosen(services.engine(), version);
            if (version.config().isDecoupled()) {
                throw InferenceException
                        .unsupported("ModelInfer RPC doesn't support models with decoupled transaction policy");
            }
        }

        @Override
        public void response(Response given, boolean isLast) {
            if (response != null) {
                hasMore = true;
                given.close();
                return;
            }
            response = given;
        }

        @Override
        public void end(@Nullable InferenceException error) {
            Response given = response;
            if (error == null && given != null && !hasMore && (isCompressed || isSlow(given))) {
                services.slowAnswers().execute(() -> finish(given, null));
                return;
            }
            finish(given, error);
        }

        private void finish(@Nullable Response given, @Nullable InferenceException error) {
            try {
                if (error != null) {
                    throw error;
                }
                if (given == null || hasMore) {
                    throw InferenceException
                            .internal("expected a single response, got " + (given == null ? "none" : "more"));
                }
                send(InferAnswer.of(about(given.parameters()), outputs(given)));
            } catch (InferenceException e) {
                fail(e);
            } catch (RuntimeException | VirtualMachineError e) {
                fail(e);
            } finally {
                if (given != null) {
                    given.close();
                }
                over();
            }
        }

        private void send(InferAnswer answer) {
            releaseSharedMemory();
            if (call.isCancelled()) {
                return;
            }
            bytes.beforeSending(answer.byteSize());
            trace().mark(TracePoint.GRPC_SEND_START);
            call.sendHeaders(new Metadata());
            call.sendMessage(answer);
            call.close(Status.OK, trailers.atTheEnd());
            trace().mark(TracePoint.GRPC_SEND_END);
        }

        private void fail(InferenceException e) {
            LOGGER.log(Level.DEBUG, () -> Methods.INFER + ": " + e.getMessage());
            note("ModelInfer", e);
            releaseSharedMemory();
            close(Statuses.of(e));
        }

        private void fail(Throwable e) {
            LOGGER.log(Level.ERROR, Methods.INFER + " failed", e);
            close(Status.INTERNAL.withDescription("internal error; the server's log has the details"));
        }

        private void close(Status status) {
            // Behind the end of a call that was given up, its connection may be gone.
            if (!call.isCancelled()) {
                call.close(status, trailers.atTheEnd());
            }
        }
    }
}
