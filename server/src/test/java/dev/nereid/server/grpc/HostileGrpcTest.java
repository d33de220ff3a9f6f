package dev.nereid.server.grpc;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.SocketException;
import java.time.Duration;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What clients must not be able to do: each is ended or refused, and another client does not notice. */
@Timeout(180)
class HostileGrpcTest {
    private static final long MAX_IN_FLIGHT = 32 << 20;
    private static final GrpcOptions.Limits LIMITS = new GrpcOptions.Limits(100, 500, Duration.ofSeconds(30), 16 << 10,
            Duration.ofSeconds(2), 1L << 30);

    private final EchoListener server = EchoListener.open(GrpcOptions.DEFAULT.within(LIMITS), MAX_IN_FLIGHT);
    private final ManagedChannel other = NettyChannelBuilder.forAddress("127.0.0.1", server.port()).usePlaintext()
            .build();

    @BeforeEach
    void anotherClientIsServed() {
        assertEquals(1, EchoListener.echo(other, new byte[64], CallOptions.DEFAULT).getRawOutputContentsCount());
    }

    @AfterEach
    void anotherClientIsStillServedAndNothingIsHeld() throws Exception {
        assertEquals(1, EchoListener.echo(other, new byte[64], CallOptions.DEFAULT).getRawOutputContentsCount());
        assertTrue(EchoListener.live(other, CallOptions.DEFAULT));
        other.shutdownNow();
        assertTrue(other.awaitTermination(20, TimeUnit.SECONDS));
        server.listener.close(Duration.ofSeconds(5));
        Eventually.until("the memory is given back",
                () -> server.memory.held() == 0 && server.pool.inUseBytes() == 0);
        server.close();
    }

    @Test
    void http1IsTurnedAway() throws IOException {
        try (Http2Client client = new Http2Client(server.port())) {
            client.write("GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(US_ASCII));
            assertTrue(client.isEnded());
        }
    }

    @Test
    void garbageIsTurnedAway() throws IOException {
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 20; i++) {
            byte[] garbage = new byte[1 + random.nextInt(4000)];
            random.nextBytes(garbage);
            try (Http2Client client = i % 2 == 0 ? new Http2Client(server.port()) : Http2Client.start(server.port())) {
                client.write(garbage);
                assertTrue(client.isEnded());
            }
        }
    }

    @Test
    void aClientThatSaysNothingIsEnded() throws IOException {
        try (Http2Client client = new Http2Client(server.port())) {
            assertTrue(client.isEnded());
        }
    }

    @Test
    void endlessHeadersAreEnded() throws IOException {
        try (Http2Client client = Http2Client.start(server.port())) {
            client.queue(Http2Client.HEADERS, 0, 1, Http2Client.call("/" + Methods.INFER));
            ByteArrayOutputStream block = new ByteArrayOutputStream();
            for (int i = 0; i < 50; i++) {
                Http2Client.header(block, "x-header-" + i, "v".repeat(100));
            }
            try {
                for (int i = 0; i < 20_000; i++) {
                    client.frame(Http2Client.CONTINUATION, 0, 1, block.toByteArray());
                }
            } catch (SocketException e) {
                return; // ended while we wrote
            }
            assertTrue(client.isEnded());
        }
    }

    @Test
    void headersThatAreTooLargeAreRefused() {
        io.grpc.Metadata headers = new io.grpc.Metadata();
        headers.put(io.grpc.Metadata.Key.of("x-large", io.grpc.Metadata.ASCII_STRING_MARSHALLER), "v".repeat(20_000));
        StatusRuntimeException failure = assertThrows(StatusRuntimeException.class, () -> EchoListener.live(
                io.grpc.ClientInterceptors.intercept(other,
                        io.grpc.stub.MetadataUtils.newAttachHeadersInterceptor(headers)),
                CallOptions.DEFAULT));
        assertTrue(failure.getStatus().getCode() != Status.Code.OK);
    }

    @Test
    void aFloodOfResetsIsEnded() throws IOException {
        try (Http2Client client = Http2Client.start(server.port())) {
            byte[] call = Http2Client.call("/" + Methods.INFER);
            try {
                for (int i = 0; i < 200_000; i++) {
                    client.queue(Http2Client.HEADERS, Http2Client.END_HEADERS, 2 * i + 1, call);
                    client.queue(Http2Client.RESET, 0, 2 * i + 1, new byte[]{0, 0, 0, 8});
                }
                client.flush();
            } catch (SocketException e) {
                return; // ended while we wrote
            }
            assertTrue(client.isEnded());
        }
    }

    @Test
    void aLengthWithoutABodyTakesNoMemory() throws IOException {
        try (Http2Client client = Http2Client.start(server.port())) {
            for (int i = 0; i < 50; i++) {
                int stream = 2 * i + 1;
                client.queue(Http2Client.HEADERS, Http2Client.END_HEADERS, stream,
                        Http2Client.call("/" + Methods.INFER));
                client.queue(Http2Client.DATA, 0, stream, new byte[]{0, 0x7f, -1, -1, -1, 10, 5});
            }
            client.flush();
            assertEquals(1, EchoListener.echo(other, new byte[64], CallOptions.DEFAULT).getRawOutputContentsCount());
            assertTrue(server.memory.held() <= 1000, () -> "held: " + server.memory.held());
        }
    }

    @Test
    void aMessageThatPassesTheBoundIsRefusedBeforeItIsComplete() {
        StatusRuntimeException failure = assertThrows(StatusRuntimeException.class,
                () -> EchoListener.echo(other, new byte[(int) MAX_IN_FLIGHT + (8 << 20)], CallOptions.DEFAULT));
        assertEquals(Status.Code.UNAVAILABLE, failure.getStatus().getCode());
        // Not the whole message was what did not fit, but the part that came last.
        Matcher refused = Pattern.compile("a buffer of (\\d+) bytes would pass the bound on bytes in flight")
                .matcher(String.valueOf(failure.getStatus().getDescription()));
        assertTrue(refused.find(), failure::getMessage);
        assertTrue(Long.parseLong(refused.group(1)) < 1 << 20, failure::getMessage);
    }

    @Test
    void aMessageThatGrowsWhenItIsInflatedIsRefused() {
        StatusRuntimeException failure = assertThrows(StatusRuntimeException.class,
                () -> EchoListener.echo(other, new byte[(int) MAX_IN_FLIGHT + (8 << 20)],
                        CallOptions.DEFAULT.withCompression("gzip")));
        assertEquals(Status.Code.UNAVAILABLE, failure.getStatus().getCode());
    }

    /** It lets no answer through, so that those of all its calls wait. */
    @Test
    void aWindowOfOneByteDisturbsNobody() throws IOException {
        byte[] message = ModelInferRequest.newBuilder().addRawInputContents(ByteString.copyFrom(new byte[16_000]))
                .build().toByteArray();
        try (Http2Client client = new Http2Client(server.port())) {
            client.begin(Http2Client.windows(1));
            for (int i = 0; i < 50; i++) {
                client.queue(Http2Client.HEADERS, Http2Client.END_HEADERS, 2 * i + 1,
                        Http2Client.call("/" + Methods.INFER));
                client.queue(Http2Client.DATA, Http2Client.END_STREAM, 2 * i + 1, Http2Client.framed(message));
                client.flush();
                assertEquals(1,
                        EchoListener.echo(other, new byte[64], CallOptions.DEFAULT).getRawOutputContentsCount());
            }
            int answers = 0;
            while (answers < 50) {
                Http2Client.Frame frame = client.read();
                assertTrue(frame.type() != Http2Client.DATA || frame.payload().length() <= 1);
                answers += frame.type() == Http2Client.DATA ? 1 : 0;
            }
        }
    }

    @Test
    void aClientThatNeverReadsDisturbsNobody() throws IOException {
        byte[] message = ModelInferRequest.newBuilder().addRawInputContents(ByteString.copyFrom(new byte[16_000]))
                .build().toByteArray();
        try (Http2Client client = new Http2Client(server.port())) {
            client.begin(Http2Client.windows(Integer.MAX_VALUE));
            client.queue(Http2Client.WINDOW_UPDATE, 0, 0, new byte[]{0x7f, -1, 0, 0});
            for (int i = 0; i < 90; i++) {
                client.queue(Http2Client.HEADERS, Http2Client.END_HEADERS, 2 * i + 1,
                        Http2Client.call("/" + Methods.INFER));
                client.queue(Http2Client.DATA, Http2Client.END_STREAM, 2 * i + 1, Http2Client.framed(message));
            }
            client.flush();
            for (int i = 0; i < 50; i++) {
                assertEquals(1,
                        EchoListener.echo(other, new byte[64], CallOptions.DEFAULT).getRawOutputContentsCount());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"inference.GRPCInferenceService/ModelInfer", "inference.GRPCInferenceService/ServerLive",
        "grpc.health.v1.Health/Check"})
    void messagesWithinMessagesAreRefused(String method) {
        byte[] groups = new byte[100_000];
        Arrays.fill(groups, (byte) (15 << 3 | 3));
        assertRefused(method, groups);
    }

    @ParameterizedTest
    @ValueSource(strings = {"inference.GRPCInferenceService/ModelInfer", "grpc.health.v1.Health/Check"})
    void textsThatAreNotUtf8AreRefused(String method) {
        assertRefused(method, new byte[]{10, 2, (byte) 0xc0, (byte) 0x80});
    }

    private void assertRefused(String method, byte[] message) {
        MethodDescriptor<byte[], byte[]> raw = MethodDescriptor.newBuilder(new Bytes(), new Bytes())
                .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName(method).build();
        StatusRuntimeException failure = assertThrows(StatusRuntimeException.class,
                () -> ClientCalls.blockingUnaryCall(other, raw, CallOptions.DEFAULT, message));
        assertEquals(Status.Code.INTERNAL, failure.getStatus().getCode());
        assertTrue(String.valueOf(failure.getStatus().getDescription()).startsWith("Unable to parse request"),
                failure::getMessage);
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
    void manyStreamsOfOneConnectionAreBounded() throws IOException {
        try (Http2Client client = Http2Client.start(server.port())) {
            byte[] call = Http2Client.call("/" + Methods.INFER);
            for (int i = 0; i < 2_000; i++) {
                client.queue(Http2Client.HEADERS, Http2Client.END_HEADERS, 2 * i + 1, call);
            }
            client.flush();
            int refused = 0;
            while (refused < 1_900) {
                Http2Client.Frame frame = client.read();
                if (frame.type() == Http2Client.GOAWAY) {
                    return;
                }
                refused += frame.type() == Http2Client.RESET ? 1 : 0;
            }
        }
    }
}
