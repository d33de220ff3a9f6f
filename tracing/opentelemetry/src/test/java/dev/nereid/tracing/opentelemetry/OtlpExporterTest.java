package dev.nereid.tracing.opentelemetry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.sun.net.httpserver.HttpServer;
import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.trace.Span;
import dev.nereid.backend.api.trace.Span.Event;
import dev.nereid.backend.api.trace.SpanExporterContext;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class OtlpExporterTest {
    private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
    private static final Span SPAN = new Span("m", TRACE, "00f067aa0ba902b7", "00f067aa0ba902b6", true, "vendor=x",
            1000,
            2000, Map.of("triton.model_name", "m"), List.of(new Event("REQUEST_START", 1500)));

    private final HttpServer server;
    private volatile byte[] received = {};
    private volatile String header = "";
    private volatile String encoding = "";
    private volatile int status = 200;

    OtlpExporterTest() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/v1/traces", exchange -> {
            header = String.valueOf(exchange.getRequestHeaders().getFirst("api-key"));
            encoding = String.valueOf(exchange.getRequestHeaders().getFirst("Content-Encoding"));
            received = exchange.getRequestBody().readAllBytes();
            exchange.sendResponseHeaders(status, -1);
            exchange.close();
        });
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private String url() {
        return "http://localhost:" + server.getAddress().getPort() + "/v1/traces";
    }

    private record Context(String url, Map<String, String> environment) implements SpanExporterContext {
        @Override
        public ApiVersion serverApi() {
            return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        }

        @Override
        public String serverVersion() {
            return "1.2";
        }

        @Override
        public Map<String, String> resource() {
            return Map.of("service.name", "mine");
        }
    }

    private String export(Map<String, String> environment) {
        OtlpExporter exporter = OtlpExporter.create(new Context(url(), environment));
        try {
            return exporter.export(List.of(SPAN));
        } finally {
            exporter.close();
        }
    }

    /** A message of protobuf. */
    private record Message(Map<Integer, Object> fields) {
        Object get(int field) {
            return Objects.requireNonNull(fields.get(field), () -> "field " + field);
        }
    }

    /** Reads a message of the protobuf wire format: the last value of each field. */
    private static Message message(Object bytes) {
        Map<Integer, Object> fields = new LinkedHashMap<>();
        ByteBuffer in = ByteBuffer.wrap((byte[]) bytes).order(ByteOrder.LITTLE_ENDIAN);
        while (in.hasRemaining()) {
            long tag = varint(in);
            fields.put((int) (tag >>> 3), switch ((int) tag & 7) {
                case 0 -> varint(in);
                case 1 -> in.getLong();
                case 2 -> {
                    byte[] value = new byte[(int) varint(in)];
                    in.get(value);
                    yield value;
                }
                case 5 -> (long) in.getInt();
                default -> throw new AssertionError("wire type of tag " + tag);
            });
        }
        return new Message(fields);
    }

    private static long varint(ByteBuffer in) {
        long value = 0;
        for (int shift = 0;; shift += 7) {
            byte next = in.get();
            value |= (long) (next & 0x7f) << shift;
            if (next >= 0) {
                return value;
            }
        }
    }

    private static String text(Object bytes) {
        return new String((byte[]) bytes, StandardCharsets.UTF_8);
    }

    private static String attribute(Object bytes) {
        Message pair = message(bytes);
        return text(pair.get(1)) + "=" + text(message(pair.get(2)).get(1));
    }

    @Test
    void sendsWhatASpanHas() {
        assertEquals("", export(Map.of()));

        Message resourceSpans = message(message(received).get(1));
        assertEquals("service.name=mine", attribute(message(resourceSpans.get(1)).get(1)));
        Message scopeSpans = message(resourceSpans.get(2));
        Message scope = message(scopeSpans.get(1));
        assertEquals("triton-server 1.2", text(scope.get(1)) + " " + text(scope.get(2)));
        Message span = message(scopeSpans.get(2));
        assertEquals(TRACE, HexFormat.of().formatHex((byte[]) span.get(1)));
        assertEquals("00f067aa0ba902b7", HexFormat.of().formatHex((byte[]) span.get(2)));
        assertEquals("vendor=x", text(span.get(3)));
        assertEquals("00f067aa0ba902b6", HexFormat.of().formatHex((byte[]) span.get(4)));
        assertEquals("m", text(span.get(5)));
        assertEquals(2L, span.get(6), "the kind of servers");
        assertEquals(1000L, span.get(7));
        assertEquals(2000L, span.get(8));
        assertEquals("triton.model_name=m", attribute(span.get(9)));
        Message event = message(span.get(11));
        assertEquals(1500L, event.get(1));
        assertEquals("REQUEST_START", text(event.get(2)));
    }

    @Test
    void sendsHeadersOfTheEnvironment() {
        assertEquals("", export(Map.of("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b,other=x")));
        assertEquals("a b", header);
    }

    @Test
    void variablesForTracesGoBeforeThoseForAll() {
        assertEquals("", export(Map.of("OTEL_EXPORTER_OTLP_HEADERS", "api-key=all",
                "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=traces", "OTEL_EXPORTER_OTLP_TIMEOUT", "x",
                "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "5000")));
        assertEquals("traces", header);
    }

    @Test
    void compressesWhereItIsAskedTo() throws IOException {
        assertEquals("", export(Map.of()));
        byte[] plain = received;
        assertEquals("null", encoding);
        assertEquals("", export(Map.of("OTEL_EXPORTER_OTLP_COMPRESSION", "none")));
        assertEquals("null", encoding);

        assertEquals("", export(Map.of("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")));
        assertEquals("gzip", encoding);
        assertArrayEquals(plain, new GZIPInputStream(new ByteArrayInputStream(received)).readAllBytes());
    }

    @Test
    void saysThatACertificateCanNotBeRead() {
        assertEquals("OTEL_EXPORTER_OTLP_CERTIFICATE names '/absent.pem', which can't be read: /absent.pem",
                assertThrows(InferenceException.class,
                        () -> export(Map.of("OTEL_EXPORTER_OTLP_CERTIFICATE", "/absent.pem"))).getMessage());
    }

    @Test
    void saysThatTheCollectorRefuses() {
        status = 400;

        assertNotEquals("", export(Map.of()));
    }

    @Test
    void saysThatTheCollectorIsAway() {
        server.stop(0);

        assertNotEquals("", export(Map.of("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "OTEL_EXPORTER_OTLP_TIMEOUT | x | OTEL_EXPORTER_OTLP_TIMEOUT has value 'x', expected milliseconds above 0",
        "OTEL_EXPORTER_OTLP_COMPRESSION | zstd | OTEL_EXPORTER_OTLP_COMPRESSION has value 'zstd', expected gzip or none",
        "OTEL_EXPORTER_OTLP_HEADERS | a=%zz | OTEL_EXPORTER_OTLP_HEADERS: a value has a % that begins no escape, expected "
                + "%25 for a percent sign",
        "OTEL_EXPORTER_OTLP_HEADERS | x | OTEL_EXPORTER_OTLP_HEADERS: expected <name>=<value>[,<name>=<value>...]"})
    void refusesWhatItCanNotUse(String name, String value, String message) {
        assertEquals(Optional.of(message), Optional.ofNullable(
                assertThrows(InferenceException.class, () -> export(Map.of(name, value))).getMessage()));
    }
}
