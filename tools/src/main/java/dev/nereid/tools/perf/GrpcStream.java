package dev.nereid.tools.perf;

import dev.nereid.server.grpc.proto.InferParameter;
import dev.nereid.server.grpc.proto.ModelInferResponse;
import dev.nereid.server.grpc.proto.ModelStreamInferResponse;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Sends requests on one stream of a connection of its own, which is opened again where it has ended.
 *
 * <p>Threads: responses come on a thread of the transport, which notes their times and, with the last of a request, wakes the
 * one that waits. In between, what a request's responses leave behind belongs to the transport's thread.
 */
final class GrpcStream implements RequestConnection {
    private static final String FINAL = "triton_final_response";

    private final ManagedChannel channel;
    private final boolean isDecoupled;
    private final Encoding encoding;
    private @Nullable Open current;

    /** Returns the bytes of requests. */
    interface Encoding {
        /** Returns the bytes of that request at that place of a sequence. */
        byte[] request(int index, SequencePlace place);
    }

    GrpcStream(ManagedChannel channel, boolean isDecoupled, Encoding encoding) {
        this.channel = channel;
        this.isDecoupled = isDecoupled;
        this.encoding = encoding;
    }

    @Override
    public Optional<String> exchange(int index, SequencePlace place, ResponseTimes times) {
        Open stream = current;
        if (stream == null || stream.hasEnded) {
            stream = new Open(GrpcServer.call(channel, GrpcServer.STREAM_INFER));
            stream.start();
            current = stream;
        }
        String problem = stream.exchange(encoding.request(index, place), times);
        return problem.isEmpty() ? Optional.empty() : Optional.of(problem);
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }

    /**
     * A request that waits for its last response.
     *
     * @param times takes in when its responses come
     * @param end is told what was wrong, or an empty text
     */
    private record Pending(ResponseTimes times, CompletableFuture<String> end) {
    }

    /** A stream that is open. */
    private final class Open extends ClientCall.Listener<ModelStreamInferResponse> {
        private final ClientCall<byte[], ModelStreamInferResponse> call;
        private volatile boolean hasEnded;
        private volatile @Nullable Pending pending;
        private String problem = "";

        Open(ClientCall<byte[], ModelStreamInferResponse> call) {
            this.call = call;
        }

        void start() {
            call.start(this, new Metadata());
            call.request(Integer.MAX_VALUE);
        }

        String exchange(byte[] request, ResponseTimes times) {
            Pending waiting = new Pending(times, new CompletableFuture<>());
            pending = waiting;
            call.sendMessage(request);
            if (hasEnded) {
                waiting.end().complete("the server ended the stream");
            }
            // Not disturbed by an interrupt: at the end of a measurement, requests that are under way may end.
            return waiting.end().join();
        }

        @Override
        public void onMessage(ModelStreamInferResponse message) {
            Pending waiting = pending;
            if (waiting == null) {
                return;
            }
            ModelInferResponse response = message.getInferResponse();
            InferParameter last = response.getParametersMap().get(FINAL);
            boolean isFailed = !message.getErrorMessage().isEmpty();
            // Only a server that marks the last response can be asked for several.
            boolean isLast = last == null ? isFailed || !isDecoupled : last.getBoolParam();
            if (isFailed) {
                problem = "the server answered " + message.getErrorMessage();
            } else if (!isLast || !isDecoupled || response.getOutputsCount() > 0) {
                waiting.times().arrived();
            }
            if (isLast) {
                String text = problem;
                problem = "";
                pending = null;
                waiting.end().complete(text);
            }
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            hasEnded = true;
            Pending waiting = pending;
            if (waiting != null) {
                waiting.end().complete(status.isOk()
                        ? "the server ended the stream"
                        : "the server answered " + GrpcServer.text(status));
            }
        }
    }
}
