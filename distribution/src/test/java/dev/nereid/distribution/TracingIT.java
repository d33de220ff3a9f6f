package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;
import com.sun.net.httpserver.HttpServer;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import dev.nereid.server.grpc.proto.ModelInferRequest.InferInputTensor;
import io.grpc.CallOptions;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A collector gets the spans of requests that belong to a client's span, of every model on their way. */
@Timeout(180)
class TracingIT {
    private static final String CLIENT = "00f067aa0ba902b7";
    private static final String IDENTITY = """
            backend: "identity"
            input [ { name: "INPUT0"  data_type: TYPE_FP32  dims: [ 2 ] } ]
            output [ { name: "OUTPUT0"  data_type: TYPE_FP32  dims: [ 2 ] } ]
            """;
    private static final String PAIR = """
            platform: "ensemble"
            input [ { name: "INPUT0"  data_type: TYPE_FP32  dims: [ 2 ] } ]
            output [ { name: "OUTPUT0"  data_type: TYPE_FP32  dims: [ 2 ] } ]
            ensemble_scheduling { step [
              { model_name: "first"  model_version: -1  input_map { key: "INPUT0" value: "INPUT0" }
                output_map { key: "OUTPUT0" value: "between" } },
              { model_name: "second"  model_version: -1  input_map { key: "INPUT0" value: "between" }
                output_map { key: "OUTPUT0" value: "OUTPUT0" } } ] }
            """;

    @TempDir
    private static Path directory;
    private static HttpServer collector;
    private static RunningServer server;
    private static final List<Span> SPANS = new CopyOnWriteArrayList<>();

    private record Span(String trace, String id, String parent, String name) {
    }

    @BeforeAll
    static void startACollectorAndAServer() throws Exception {
        collector = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        collector.createContext("/", exchange -> {
            SPANS.addAll(spans(exchange.getRequestBody().readAllBytes()));
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        collector.start();
        Path models = directory.resolve("models");
        Process samples = new ProcessBuilder(RunningServer.LAYOUT.resolve("nereid").toString(), "samples",
                models.toString(), "--models=bigram,next_token").inheritIO().start();
        assertEquals(0, samples.waitFor());
        model(models, "first", IDENTITY);
        model(models, "second", IDENTITY);
        model(models, "pair", PAIR);
        server = RunningServer.start(models, "--trace-config=mode=opentelemetry", "--trace-config=level=TIMESTAMPS",
                "--trace-config=rate=0", "--trace-config=opentelemetry,bsp_schedule_delay=50",
                "--trace-config=opentelemetry,url=http://localhost:" + collector.getAddress().getPort() + "/v1/traces");
    }

    private static void model(Path models, String name, String config) throws IOException {
        Files.createDirectories(models.resolve(name).resolve("1"));
        Files.writeString(models.resolve(name).resolve("config.pbtxt"), config);
    }

    @AfterAll
    static void stop() {
        server.close();
        collector.stop(0);
    }

    private static List<Span> spans(byte[] request) throws InvalidProtocolBufferException {
        Stream<UnknownFieldSet> resources = messages(UnknownFieldSet.parseFrom(request), 1);
        return resources.flatMap(resource -> messages(resource, 2)).flatMap(scope -> messages(scope, 2))
                .map(span -> new Span(hex(span, 1), hex(span, 2), hex(span, 4),
                        span.getField(5).getLengthDelimitedList().getFirst().toStringUtf8()))
                .toList();
    }

    private static Stream<UnknownFieldSet> messages(UnknownFieldSet message, int field) {
        return message.getField(field).getLengthDelimitedList().stream().map(bytes -> {
            try {
                return UnknownFieldSet.parseFrom(bytes);
            } catch (InvalidProtocolBufferException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    private static String hex(UnknownFieldSet message, int field) {
        Field values = message.getField(field);
        ByteString bytes = values.getLengthDelimitedList().isEmpty()
                ? ByteString.EMPTY
                : values.getLengthDelimitedList().getFirst();
        return HexFormat.of().formatHex(bytes.toByteArray());
    }

    /** Returns the spans of a trace, each as its name behind those of the spans that it is in, when there are so many. */
    private static List<String> paths(String trace, int count) {
        while (SPANS.stream().filter(span -> span.trace().equals(trace)).count() < count) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
            assertTrue(!Thread.currentThread().isInterrupted(), () -> "spans came: " + SPANS);
        }
        List<Span> all = SPANS.stream().filter(span -> span.trace().equals(trace)).toList();
        return all.stream().map(span -> path(all, span)).sorted().toList();
    }

    private static String path(List<Span> all, Span span) {
        return all.stream().filter(each -> each.id().equals(span.parent())).findFirst()
                .map(parent -> path(all, parent) + "/" + span.name())
                .orElse((span.parent().equals(CLIENT) ? "client/" : "") + span.name());
    }

    private static HttpResponse<String> post(String path, String body, String trace) throws Exception {
        return server.client().send(HttpRequest.newBuilder(server.uri(path))
                .header("traceparent", "00-" + trace + "-" + CLIENT + "-01").POST(BodyPublishers.ofString(body))
                .build(), BodyHandlers.ofString());
    }

    @Test
    void theStepsOfAnEnsembleAreInItsSpan() throws Exception {
        String trace = "11111111111111111111111111111111";
        HttpResponse<String> answer = post("/v2/models/pair/infer",
                "{\"inputs\":[{\"name\":\"INPUT0\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1,2]}]}", trace);

        assertEquals(200, answer.statusCode(), answer::body);
        assertEquals(List.of("client/InferRequest", "client/InferRequest/pair", "client/InferRequest/pair/first",
                "client/InferRequest/pair/first/compute", "client/InferRequest/pair/second",
                "client/InferRequest/pair/second/compute"), paths(trace, 6));
    }

    @Test
    void theModelsThatABackendCallsAreInTheSpanOfItsExecution() throws Exception {
        String trace = "22222222222222222222222222222222";
        HttpResponse<String> answer = post("/v2/models/next_token/generate_stream",
                "{\"TOKENS\":[1,2]}", trace);

        assertEquals(200, answer.statusCode(), answer::body);
        List<String> paths = paths(trace, 7);
        assertTrue(paths.contains("client/InferRequest/next_token"), paths::toString);
        assertTrue(paths.contains("client/InferRequest/next_token/compute/bigram/compute"), paths::toString);
    }

    @Test
    void aRequestOverGrpcBelongsToItsClientToo() throws Exception {
        String trace = "33333333333333333333333333333333";
        ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", server.grpcPort()).usePlaintext().build();
        try {
            Metadata headers = new Metadata();
            headers.put(Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER),
                    "00-" + trace + "-" + CLIENT + "-01");
            byte[] request = ModelInferRequest.newBuilder().setModelName("first")
                    .addInputs(InferInputTensor.newBuilder().setName("INPUT0").setDatatype("FP32").addShape(2))
                    .addRawInputContents(ByteString.copyFrom(new byte[8])).build().toByteArray();
            byte[] ignored = ClientCalls.blockingUnaryCall(
                    ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers)),
                    MethodDescriptor.<byte[], byte[]>newBuilder(new Bytes(), new Bytes())
                            .setType(MethodDescriptor.MethodType.UNARY)
                            .setFullMethodName("inference.GRPCInferenceService/ModelInfer").build(),
                    CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS), request);

            assertEquals(
                    List.of("client/InferRequest", "client/InferRequest/first", "client/InferRequest/first/compute"),
                    paths(trace, 3));
        } finally {
            channel.shutdownNow();
        }
    }

    private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
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

    @Test
    void theSettingsAndTheMetricsTellOfTheCollector() throws Exception {
        String settings = server.get("/v2/trace/setting").body();

        assertTrue(settings.contains("\"trace_mode\":\"opentelemetry\""), settings);
        assertTrue(settings.contains("\"resource\":\"service.name=triton-inference-server\""), settings);
        assertTrue(server.metrics().body().contains("nereid_trace_spans_exported_total "));
        assertEquals(400, server.post("/v2/trace/setting", "{\"log_frequency\":\"3\"}").statusCode());
    }
}
