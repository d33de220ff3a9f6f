/** Brings traces to a collector of OpenTelemetry, with its SDK: OTLP over HTTP. */
@NullMarked
package dev.nereid.tracing.opentelemetry;

import org.jspecify.annotations.NullMarked;
