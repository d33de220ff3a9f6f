package dev.nereid.server.grpc;

import com.google.protobuf.Message;
import dev.nereid.backend.api.InferenceException;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.Status;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Answers the calls of one method, each with a function that may block: the call has a thread of its own.
 *
 * @param <Q> the request
 * @param <A> the answer
 */
final class UnaryHandler<Q extends Message, A extends Message> implements ServerCallHandler<Received<Q>, A> {
    private static final Logger LOGGER = System.getLogger(UnaryHandler.class.getName());

    private final Function<Q, A> answer;

    UnaryHandler(Function<Q, A> answer) {
        this.answer = answer;
    }

    @Override
    public ServerCall.Listener<Received<Q>> startCall(ServerCall<Received<Q>, A> call, Metadata headers) {
        // A second one, which would be an error, is noticed this way.
        call.request(2);
        return new Listener(call);
    }

    private final class Listener extends ServerCall.Listener<Received<Q>> {
        private final ServerCall<Received<Q>, A> call;
        private @Nullable Received<Q> request;
        private boolean hasEnded;

        Listener(ServerCall<Received<Q>, A> call) {
            this.call = call;
        }

        @Override
        public void onMessage(Received<Q> message) {
            if (request != null) {
                end(Status.INVALID_ARGUMENT.withDescription("a call of this method has one request"));
                return;
            }
            request = message;
        }

        @Override
        public void onHalfClose() {
            Received<Q> received = request;
            if (received == null) {
                end(Status.INVALID_ARGUMENT.withDescription("a call of this method has one request"));
                return;
            }
            try {
                if (received.failure().isPresent()) {
                    throw received.failure().get();
                }
                send(answer.apply(received.message()));
            } catch (InferenceException e) {
                LOGGER.log(Level.DEBUG,
                        () -> call.getMethodDescriptor().getFullMethodName() + ": " + e.getMessage());
                end(Statuses.of(e));
            } catch (RuntimeException | VirtualMachineError e) {
                LOGGER.log(Level.ERROR, call.getMethodDescriptor().getFullMethodName() + " failed", e);
                end(Status.INTERNAL.withDescription("internal error; the server's log has the details"));
            }
        }

        private void send(A message) {
            if (!hasEnded && !call.isCancelled()) {
                hasEnded = true;
                call.sendHeaders(new Metadata());
                call.sendMessage(message);
                call.close(Status.OK, new Metadata());
            }
        }

        private void end(Status status) {
            // Behind the end of a call that was given up, its connection may be gone.
            if (!hasEnded && !call.isCancelled()) {
                hasEnded = true;
                call.close(status, new Metadata());
            }
        }
    }
}
