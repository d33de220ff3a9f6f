package dev.nereid.server.grpc;

import dev.nereid.server.v2.AuthTokens;
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
import java.util.Set;

/**
 * Decides about access before anything else looks at a call: none without a token where
 * tokens are asked for, and to what is restricted only with the header.
 */
final class AccessGate implements ServerInterceptor {
    private static final String HEADER_PREFIX = "triton-grpc-protocol-";
    private static final Metadata.Key<String> AUTHORIZATION = Metadata.Key.of("authorization",
            Metadata.ASCII_STRING_MARSHALLER);
    private static final Set<String> HEALTH = Set.copyOf(Methods.of(Category.HEALTH));

    /** By full method name. */
    private final Map<String, Lock> locks = new HashMap<>();
    private final Optional<AuthTokens> tokens;

    private record Lock(String header, Metadata.Key<String> key, Restriction restriction) {
        private static Lock of(Restriction restriction) {
            String header = HEADER_PREFIX + restriction.header();
            return new Lock(header, Metadata.Key.of(header, Metadata.ASCII_STRING_MARSHALLER), restriction);
        }

        private boolean opens(Metadata headers) {
            return restriction.admits(Optional.ofNullable(headers.get(key)));
        }
    }

    /**
     * Creates a gate.
     *
     * @param restrictions by category
     * @param tokens who may ask; empty for all
     */
    AccessGate(Map<String, Restriction> restrictions, Optional<AuthTokens> tokens) {
        this.tokens = tokens;
        for (Category category : Category.values()) {
            Restriction restriction = restrictions.get(category.flagName());
            if (restriction != null) {
                Lock lock = Lock.of(restriction);
                Methods.of(category).forEach(method -> locks.put(method, lock));
            }
        }
    }

    @Override
    public <Q, A> ServerCall.Listener<Q> interceptCall(ServerCall<Q, A> call, Metadata headers,
            ServerCallHandler<Q, A> next) {
        String method = call.getMethodDescriptor().getFullMethodName();
        Optional<String> authorization = Optional.ofNullable(headers.get(AUTHORIZATION));
        if (tokens.isPresent() && !tokens.get().admits(category(method), authorization)) {
            return refuse(call, Status.UNAUTHENTICATED, authorization.isPresent()
                    ? "the metadata 'authorization' holds no token that is known here, expected 'Bearer <token>'"
                    : "a token is needed, expecting metadata 'authorization: Bearer <token>'");
        }
        Lock lock = locks.get(method);
        if (lock != null && !lock.opens(headers)) {
            return refuse(call, Status.UNAVAILABLE,
                    "This protocol is restricted, expecting header '" + lock.header() + "'");
        }
        return next.startCall(call, headers);
    }

    /** Only those that probes ask for are told apart; methods that the protocol does not have are like all others. */
    private static Category category(String method) {
        return HEALTH.contains(method) ? Category.HEALTH : Category.INFERENCE;
    }

    private static <Q, A> ServerCall.Listener<Q> refuse(ServerCall<Q, A> call, Status status, String reason) {
        call.close(status.withDescription(reason), new Metadata());
        return new ServerCall.Listener<>() {
        };
    }
}
