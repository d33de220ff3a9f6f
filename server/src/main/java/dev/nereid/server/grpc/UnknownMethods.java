package dev.nereid.server.grpc;

import io.grpc.HandlerRegistry;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/** Answers calls of methods that there are none, without a text, as the reference does. */
final class UnknownMethods extends HandlerRegistry {
    private static final MethodDescriptor.Marshaller<Void> NOTHING = new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(Void value) {
            return new ByteArrayInputStream(new byte[0]);
        }

        @Override
        @SuppressWarnings("NullAway") // a message that nobody looks at
        public Void parse(InputStream stream) {
            return null;
        }
    };
    /** One for all: a name that a client made up is not kept. */
    private static final ServerMethodDefinition<Void, Void> UNKNOWN = ServerMethodDefinition
            .create(MethodDescriptor.<Void, Void>newBuilder(NOTHING, NOTHING)
                    .setType(MethodDescriptor.MethodType.UNKNOWN).setFullMethodName("unknown/unknown").build(),
                    UnknownMethods::refuse);

    @Override
    public ServerMethodDefinition<?, ?> lookupMethod(String methodName, @Nullable String authority) {
        return UNKNOWN;
    }

    private static ServerCall.Listener<Void> refuse(ServerCall<Void, Void> call, Metadata headers) {
        call.close(Status.UNIMPLEMENTED, new Metadata());
        return new ServerCall.Listener<>() {
        };
    }
}
