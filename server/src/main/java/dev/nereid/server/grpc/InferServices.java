package dev.nereid.server.grpc;

import dev.nereid.backend.api.Parameter;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.server.v2.HeaderForwarding;
import dev.nereid.server.v2.RecentFailures;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;

/**
 * What calls of inference work with.
 *
 * @param engine executes requests
 * @param tracer selects requests to trace
 * @param regions the registered shared memory
 * @param forwarding which headers become request parameters
 * @param compresses whether answers are compressed where the client understands that
 * @param slowAnswers sends what takes long, so that no instance waits for it
 * @param failures is told of requests that failed
 */
record InferServices(Engine engine, Tracer tracer, ClientSharedMemory regions, HeaderForwarding forwarding,
        boolean compresses, Executor slowAnswers, RecentFailures failures) {
    /** Up to here an answer is sent by the thread that has it. */
    static final long MAX_QUICK_BYTES = 128 << 10;

    /**
     * Chooses how the answers to a call are encoded, before the first one is sent.
     *
     * @return whether they are compressed
     */
    boolean chooseEncoding(ServerCall<?, ?> call, Metadata headers) {
        Optional<String> encoding = compresses ? Codecs.accepted(headers) : Optional.empty();
        encoding.ifPresent(call::setCompression);
        return encoding.isPresent();
    }

    /**
     * Returns the headers that become parameters.
     *
     * @throws dev.nereid.backend.api.InferenceException INVALID_ARG for one whose name means something else as a parameter
     */
    Map<String, Parameter> forwarded(Metadata headers) {
        if (!forwarding.isEnabled()) {
            return Map.of();
        }
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        for (String name : headers.keys()) {
            if (name.endsWith(Metadata.BINARY_HEADER_SUFFIX)) {
                continue;
            }
            Iterable<String> values = headers.getAll(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER));
            if (values != null) {
                values.forEach(value -> forwarding.forward(name, value, parameters));
            }
        }
        return parameters;
    }
}
