package dev.nereid.tracing.opentelemetry;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.trace.Span;
import dev.nereid.backend.api.trace.SpanExporter;
import dev.nereid.backend.api.trace.SpanExporterContext;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporterBuilder;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.common.InstrumentationScopeInfo;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.data.SpanData;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/** Sends spans by OTLP over HTTP. */
final class OtlpExporter implements SpanExporter {
    /** What the SDK says of each failure, the server says once; kept, since loggers nobody holds forget their level. */
    private static final Logger SDK_LOG = Logger.getLogger("io.opentelemetry.exporter");
    private static final String SCOPE = "triton-server";
    private static final Duration DEFAULT_LIMIT = Duration.ofSeconds(10);
    private static final String PREFIX = "OTEL_EXPORTER_OTLP_";
    private static final String TRACES = PREFIX + "TRACES_";

    private final OtlpHttpSpanExporter exporter;
    private final Resource resource;
    private final InstrumentationScopeInfo scope;
    private final Duration limit;

    private OtlpExporter(OtlpHttpSpanExporter exporter, Resource resource, InstrumentationScopeInfo scope,
            Duration limit) {
        this.exporter = exporter;
        this.resource = resource;
        this.scope = scope;
        this.limit = limit;
    }

    /**
     * Makes the exporter; nothing is sent yet. Headers, limit and certificate come from the environment, as OpenTelemetry
     * says.
     *
     * @throws InferenceException when a setting can't be used
     */
    static OtlpExporter create(SpanExporterContext context) {
        SDK_LOG.setLevel(Level.OFF);
        Map<String, String> environment = context.environment();
        Duration limit = setting(environment, "TIMEOUT").map(OtlpExporter::limit).orElse(DEFAULT_LIMIT);
        OtlpHttpSpanExporterBuilder builder = OtlpHttpSpanExporter.builder().setTimeout(limit)
                // The server's queue holds what can't be sent; it does not wait for a collector that is away.
                .setRetryPolicy(null);
        try {
            builder.setEndpoint(context.url());
        } catch (IllegalArgumentException e) {
            throw InferenceException.invalid("--trace-config=opentelemetry,url=" + context.url()
                    + " is no address, expected http://<host>:<port>/v1/traces");
        }
        setting(environment, "HEADERS").ifPresent(headers -> headers(headers, builder));
        setting(environment, "CERTIFICATE").ifPresent(file -> builder.setTrustedCertificates(certificate(file)));
        setting(environment, "COMPRESSION").ifPresent(compression -> compress(compression, builder));
        AttributesBuilder attributes = Attributes.builder();
        context.resource().forEach(attributes::put);
        return new OtlpExporter(builder.build(), Resource.create(attributes.build()),
                InstrumentationScopeInfo.builder(SCOPE).setVersion(context.serverVersion()).build(), limit);
    }

    private static Optional<String> setting(Map<String, String> environment, String name) {
        return Optional.ofNullable(environment.get(TRACES + name)).filter(value -> !value.isBlank())
                .or(() -> Optional.ofNullable(environment.get(PREFIX + name)).filter(value -> !value.isBlank()));
    }

    private static Duration limit(String text) {
        try {
            long millis = Long.parseLong(text);
            if (millis > 0) {
                return Duration.ofMillis(millis);
            }
        } catch (NumberFormatException e) {
            // Told below.
        }
        throw InferenceException.invalid(PREFIX + "TIMEOUT has value '" + text + "', expected milliseconds above 0");
    }

    private static void headers(String text, OtlpHttpSpanExporterBuilder builder) {
        for (String pair : text.split(",", -1)) {
            int equals = pair.indexOf('=');
            if (equals < 1) {
                throw InferenceException.invalid(PREFIX + "HEADERS: expected <name>=<value>[,<name>=<value>...]");
            }
            builder.addHeader(pair.substring(0, equals).strip(), decoded(pair.substring(equals + 1).strip()));
        }
    }

    /** The value may be a secret, and is not told. */
    private static String decoded(String value) {
        try {
            return URLDecoder.decode(value.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw InferenceException.invalid(PREFIX
                    + "HEADERS: a value has a % that begins no escape, expected %25 for a percent sign");
        }
    }

    private static void compress(String compression, OtlpHttpSpanExporterBuilder builder) {
        switch (compression) {
            case "gzip", "none" -> builder.setCompression(compression);
            default -> throw InferenceException
                    .invalid(PREFIX + "COMPRESSION has value '" + compression + "', expected gzip or none");
        }
    }

    private static byte[] certificate(String file) {
        try {
            return Files.readAllBytes(Path.of(file));
        } catch (IOException | InvalidPathException e) {
            throw InferenceException
                    .invalid(PREFIX + "CERTIFICATE names '" + file + "', which can't be read: " + e.getMessage());
        }
    }

    @Override
    public String export(List<Span> spans) {
        CompletableResultCode result = exporter
                .export(spans.stream().<SpanData>map(span -> new FinishedSpan(span, resource, scope)).toList());
        CompletableResultCode ended = result.join(limit.toMillis() * 2, TimeUnit.MILLISECONDS);
        if (ended.isSuccess()) {
            return "";
        }
        return ended.isDone() ? reason(ended.getFailureThrowable()) : "it does not answer";
    }

    private static String reason(@Nullable Throwable failure) {
        Throwable root = failure;
        while (root != null && root.getCause() != null) {
            root = root.getCause();
        }
        if (root == null) {
            return "it refuses them";
        }
        String text = root.getMessage();
        return text == null ? root.getClass().getSimpleName() : text;
    }

    @Override
    public void close() {
        CompletableResultCode ignored = exporter.shutdown().join(1, TimeUnit.SECONDS);
    }
}
