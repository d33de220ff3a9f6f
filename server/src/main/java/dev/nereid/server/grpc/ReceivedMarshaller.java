package dev.nereid.server.grpc;

import com.google.protobuf.Message;
import dev.nereid.backend.api.InferenceException;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoUtils;
import java.io.InputStream;
import java.util.Optional;

/**
 * Reads ordinary messages. One that can't be read is returned with the reason, since a listener that is not called could
 * not answer.
 */
final class ReceivedMarshaller<T extends Message> implements Marshaller<Received<T>> {
    private final T empty;
    private final Marshaller<T> marshaller;

    ReceivedMarshaller(T empty) {
        this.empty = empty;
        this.marshaller = ProtoUtils.marshaller(empty);
    }

    @Override
    public InputStream stream(Received<T> value) {
        return marshaller.stream(value.message());
    }

    @Override
    public Received<T> parse(InputStream stream) {
        try {
            return new Received<>(marshaller.parse(stream), Optional.empty());
        } catch (StatusRuntimeException e) {
            return new Received<>(empty, Optional.of(InferenceException.internal("Unable to parse request")));
        }
    }
}
