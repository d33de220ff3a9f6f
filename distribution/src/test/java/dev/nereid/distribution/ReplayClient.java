package dev.nereid.distribution;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import dev.nereid.json.JsonValue;
import dev.nereid.server.grpc.proto.InferenceService;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.health.v1.HealthProto;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import io.grpc.StatusRuntimeException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Sends what was recorded of clients of gRPC, and returns the answers in the form of the recordings. */
final class ReplayClient implements AutoCloseable {
    private static final String SERVICE = "inference.GRPCInferenceService";
    private static final long TIMEOUT_MILLIS = 60_000;
    private static final long END_MILLIS = 90_000;

    private final ManagedChannel channel;

    ReplayClient(int port) {
        channel = NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext()
                .maxInboundMessageSize(Integer.MAX_VALUE).build();
    }

    private static final class Bytes implements io.grpc.MethodDescriptor.Marshaller<byte[]> {
        @Override
        public InputStream stream(byte[] message) {
            return new ByteArrayInputStream(message);
        }

        @Override
        public byte[] parse(InputStream message) {
            try {
                return message.readAllBytes();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static Optional<MethodDescriptor> method(String name) {
        String full = name.contains("/") ? name : SERVICE + "/" + name;
        int slash = full.indexOf('/');
        ServiceDescriptor service = full.startsWith(SERVICE + "/")
                ? InferenceService.getDescriptor().findServiceByName("GRPCInferenceService")
                : HealthProto.getDescriptor().findServiceByName("Health");
        return full.substring(0, slash).equals(service.getFullName())
                ? Optional.ofNullable(service.findMethodByName(full.substring(slash + 1)))
                : Optional.empty();
    }

    private static io.grpc.MethodDescriptor<byte[], byte[]> call(MethodType type, String name) {
        String full = name.contains("/") ? name : SERVICE + "/" + name;
        return io.grpc.MethodDescriptor.newBuilder(new Bytes(), new Bytes()).setType(type).setFullMethodName(full)
                .build();
    }

    private Channel with(RecordedSession.Exchange exchange) {
        Metadata headers = new Metadata();
        exchange.line().find("metadata").ifPresent(pairs -> pairs.elements().forEach(pair -> headers.put(
                Metadata.Key.of(pair.elements().get(0).asString(), Metadata.ASCII_STRING_MARSHALLER),
                pair.elements().get(1).asString())));
        return ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers));
    }

    private static CallOptions options(RecordedSession.Exchange exchange) {
        CallOptions options = CallOptions.DEFAULT
                .withDeadlineAfter(exchange.number("timeout_ms", TIMEOUT_MILLIS), TimeUnit.MILLISECONDS);
        Optional<String> compression = exchange.text("compression");
        return compression.isPresent()
                ? options.withCompression(compression.get().toLowerCase(Locale.ROOT))
                : options;
    }

    private static byte[] bytes(Descriptor type, JsonValue json) {
        DynamicMessage.Builder message = DynamicMessage.newBuilder(type);
        try {
            JsonFormat.parser().merge(JsonTree.text(JsonTree.of(json)), message);
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalArgumentException("not a " + type.getName(), e);
        }
        return message.build().toByteArray();
    }

    private static Object tree(Descriptor type, byte[] bytes, String models) {
        try {
            return JsonTree.parse(JsonFormat.printer().preservingProtoFieldNames()
                    .print(DynamicMessage.parseFrom(type, bytes)).replace(models, "models"));
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("the answer is not a " + type.getName(), e);
        }
    }

    private static Map<String, Object> end(Status status) {
        Map<String, Object> answer = new TreeMap<>();
        answer.put("status", status.getCode().name());
        if (!status.isOk()) {
            answer.put("message", status.getDescription() == null ? "" : status.getDescription());
        }
        return answer;
    }

    /**
     * Sends one request.
     *
     * @param models the directory of the models, which the recordings call {@code models}
     */
    Map<String, Object> unary(RecordedSession.Exchange exchange, String models) {
        String name = exchange.line().member("method").asString();
        Optional<MethodDescriptor> method = method(name);
        Optional<String> raw = exchange.text("request_base64");
        byte[] request = raw.isPresent() || method.isEmpty()
                ? Base64.getDecoder().decode(raw.orElse(""))
                : exchange.line().find("request").map(json -> bytes(method.get().getInputType(), json))
                        .orElse(new byte[0]);
        byte[] response;
        try {
            response = ClientCalls.blockingUnaryCall(with(exchange), call(MethodType.UNARY, name), options(exchange),
                    request);
        } catch (StatusRuntimeException e) {
            return replaced(end(e.getStatus()), models);
        }
        Map<String, Object> answer = end(Status.OK);
        answer.put("response", tree(method.orElseThrow().getOutputType(), response, models));
        return answer;
    }

    private static Map<String, Object> replaced(Map<String, Object> answer, String models) {
        answer.computeIfPresent("message", (_, text) -> text.toString().replace(models, "models"));
        return answer;
    }

    /** What comes on a stream. */
    private static final class Received implements StreamObserver<byte[]> {
        private final List<byte[]> messages = new ArrayList<>();
        private @Nullable Status status;

        @Override
        public synchronized void onNext(byte[] message) {
            messages.add(message);
            notifyAll();
        }

        @Override
        public synchronized void onError(Throwable failure) {
            status = Status.fromThrowable(failure);
            notifyAll();
        }

        @Override
        public synchronized void onCompleted() {
            status = Status.OK;
            notifyAll();
        }

        /** Waits until that many messages have come, or the stream has ended, or the time is over. */
        synchronized void await(int count, long millis) throws InterruptedException {
            long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
            for (long left = millis; messages.size() < count && status == null && left > 0; left = TimeUnit.NANOSECONDS
                    .toMillis(end - System.nanoTime())) {
                wait(left);
            }
        }
    }

    /** Runs what was recorded of a stream. */
    Map<String, Object> stream(RecordedSession.Exchange exchange, String models) throws InterruptedException {
        String name = exchange.text("method").orElse("ModelStreamInfer");
        MethodDescriptor method = method(name).orElseThrow();
        ClientCall<byte[], byte[]> call = with(exchange).newCall(call(MethodType.BIDI_STREAMING, name),
                options(exchange));
        Received received = new Received();
        StreamObserver<byte[]> requests = ClientCalls.asyncBidiStreamingCall(call, received);
        int seen = 0;
        boolean isOpen = true;
        for (JsonValue step : exchange.line().member("steps").elements()) {
            if (step.has("send")) {
                requests.onNext(bytes(method.getInputType(), step.member("send")));
            } else if (step.has("wait")) {
                seen += (int) step.member("wait").asLong();
                received.await(seen, step.find("within_ms").map(JsonValue::asLong).orElse(30_000L));
            } else if (step.has("sleep_ms")) {
                // As long as the recorded client did.
                Thread.sleep(step.member("sleep_ms").asLong());
            } else if (step.has("cancel")) {
                call.cancel("Locally cancelled by application!", null);
                isOpen = false;
            } else if (step.has("close")) {
                requests.onCompleted();
                isOpen = false;
            }
        }
        if (isOpen) {
            requests.onCompleted();
        }
        received.await(Integer.MAX_VALUE, END_MILLIS);
        synchronized (received) {
            Map<String, Object> answer = end(
                    received.status == null ? Status.UNKNOWN.withDescription("no end") : received.status);
            answer.putIfAbsent("message", "");
            answer.put("received",
                    received.messages.stream().map(each -> tree(method.getOutputType(), each, models)).toList());
            return replaced(answer, models);
        }
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }
}
