package dev.nereid.tracing.opentelemetry;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.trace.SpanExporter;
import dev.nereid.backend.api.trace.SpanExporterContext;
import dev.nereid.backend.api.trace.SpanExporterFactory;
import org.pf4j.Extension;

/** Makes the exporter {@code opentelemetry}. */
@Extension
public final class OpenTelemetryFactory implements SpanExporterFactory {
    /** Creates the factory. */
    public OpenTelemetryFactory() {
    }

    @Override
    public String name() {
        return "opentelemetry";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public SpanExporter create(SpanExporterContext context) {
        return OtlpExporter.create(context);
    }
}
