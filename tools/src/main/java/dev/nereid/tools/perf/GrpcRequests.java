package dev.nereid.tools.perf;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Requests that are sent over gRPC, each in a call of its own or several on a stream. */
final class GrpcRequests implements Requests {
    private final Target target;
    private final List<byte[]> requests;
    private final Kind kind;
    private final Optional<GrpcResponseCheck> check;

    /** How requests are sent. */
    enum Kind {
        /** One call for each. */
        CALLS,
        /** One stream for those of a connection, to a model that answers each once. */
        STREAM,
        /** One stream for those of a connection, to a model that answers each any number of times. */
        DECOUPLED_STREAM
    }

    GrpcRequests(Target target, List<byte[]> requests, Kind kind, boolean isVerified) {
        this.target = target;
        this.requests = List.copyOf(requests);
        this.kind = kind;
        this.check = isVerified ? Optional.of(new GrpcResponseCheck(requests.size())) : Optional.empty();
    }

    @Override
    public int count() {
        return requests.size();
    }

    @Override
    public RequestConnection connection() {
        return kind == Kind.CALLS
                ? new Calls(GrpcServer.connect(target))
                : new GrpcStream(GrpcServer.connect(target), kind == Kind.DECOUPLED_STREAM, this::request);
    }

    private byte[] request(int index, SequencePlace place) {
        byte[] request = requests.get(index);
        if (!place.isSequence()) {
            return request;
        }
        byte[] parameters = GrpcEncoder.parameters(place);
        byte[] whole = Arrays.copyOf(parameters, Math.addExact(parameters.length, request.length));
        System.arraycopy(request, 0, whole, parameters.length, request.length);
        return whole;
    }

    private final class Calls implements RequestConnection {
        private final ManagedChannel channel;

        Calls(ManagedChannel channel) {
            this.channel = channel;
        }

        @Override
        public Optional<String> exchange(int index, SequencePlace place, ResponseTimes times) {
            Answer answer = new Answer();
            ClientCalls.asyncUnaryCall(GrpcServer.call(channel, GrpcServer.INFER), request(index, place), answer);
            byte[] response;
            try {
                // Not disturbed by an interrupt: at the end of a measurement, requests that are under way may end.
                response = answer.end.join();
            } catch (CompletionException e) {
                return Optional.of("the server answered " + GrpcServer.text(Status.fromThrowable(e)));
            }
            return check.isPresent() && !check.get().isSame(index, response)
                    ? Optional.of(ResponseCheck.DIFFERENT)
                    : Optional.empty();
        }

        @Override
        public void close() {
            channel.shutdownNow();
        }
    }

    /** Waits for the answer to a call. */
    private static final class Answer implements StreamObserver<byte[]> {
        private final CompletableFuture<byte[]> end = new CompletableFuture<>();
        private byte[] response = new byte[0];

        @Override
        public void onNext(byte[] value) {
            response = value;
        }

        @Override
        public void onError(Throwable error) {
            end.completeExceptionally(error);
        }

        @Override
        public void onCompleted() {
            end.complete(response);
        }
    }
}
