/**
 * The contract between the server and what brings traces of requests to another program, and comes as a plugin.
 *
 * <p>A plugin implements {@link SpanExporterFactory} and {@link SpanExporter}; every other type here is the server's.
 */
@NullMarked
package dev.nereid.backend.api.trace;

import org.jspecify.annotations.NullMarked;
