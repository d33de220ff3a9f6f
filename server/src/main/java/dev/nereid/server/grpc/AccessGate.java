package dev.nereid.server.grpc;

import dev.nereid.server.v2.Category;
import dev.nereid.server.v2.Restriction;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Decides about access before anything else looks at a call: none while the server stops, and to what is restricted only
 * with the header.
 */
final class AccessGate implements ServerInterceptor {
    private static final String HEADER_PREFIX = "triton-grpc-protocol-";
    private static final String STOPPING = "GRPC server is shutting down and has stopped accepting new requests.";

    /** By full method name. */
    private final Map<String, Lock> locks = new HashMap<>();
    private volatile boolean isStopping;

    private record Lock(String header, Metadata.Key<String> key, Restriction restriction) {
        private static Lock of(Restriction restriction) {
            String header = HEADER_PREFIX + restriction.header();
            return new Lock(header, Metadata.Key.of(header, Metadata.ASCII_STRING_MARSHALLER), restriction);
        }

        private boolean opens(Metadata headers) {
            return restriction.admits(Optional.ofNullable(headers.get(key)));
        }
    }

    /** Creates a gate with restrictions by category. */
    AccessGate(Map<String, Restriction> restrictions) {
        for (Category category : Category.values()) {
            Restriction restriction = restrictions.get(category.flagName());
            if (restriction != null) {
                Lock lock = Lock.of(restriction);
                Methods.of(category).forEach(method -> locks.put(method, lock));
            }
        }
    }

    /** Refuses calls from now on. Those that run go on. */
    void stop() {
        isStopping = true;
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(ServerCall<Q, A> call, Metadata headers,
            ServerCallHandler<Q, A> next) {
        if (isStopping) {
            return refuse(call, STOPPING);
        }
        Lock lock = locks.get(call.getMethodDescriptor().getFullMethodName());
        if (lock != null && !lock.opens(headers)) {
            return refuse(call, "This protocol is restricted, expecting header '" + lock.header() + "'");
        }
        return next.startCall(call, headers);
    }

    private static <Q, A> ServerCall.Listener<Q> refuse(ServerCall<Q, A> call, String reason) {
        call.close(Status.UNAVAILABLE.withDescription(reason), new Metadata());
        return new ServerCall.Listener<>() {
        };
    }
}
