package dev.nereid.server.grpc.wire;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.BufferScope;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.InputStream;

/**
 * Reads {@code ModelInferRequest}: one copy, from the transport's buffers into memory of the pool. A message that is none
 * is returned with the reason, since a listener that is not called could not answer.
 */
public final class InferRequestMarshaller implements MethodDescriptor.Marshaller<InferMessage> {
    private final BufferPool buffers;
    private final Runnable beforeCopy;

    /**
     * Creates a marshaller.
     *
     * @param buffers gives memory
     * @param beforeCopy called before memory is asked for; ends the count of the bytes that the transport holds
     */
    public InferRequestMarshaller(BufferPool buffers, Runnable beforeCopy) {
        this.buffers = buffers;
        this.beforeCopy = beforeCopy;
    }

    @Override
    public InputStream stream(InferMessage value) {
        throw new UnsupportedOperationException("a server sends no requests");
    }

    @Override
    public InferMessage parse(InputStream stream) {
        BufferScope scope = new BufferScope(buffers);
        try {
            return read(stream, scope);
        } catch (MalformedMessageException e) {
            return refused(scope, InferenceException.internal("Unable to parse request: " + e.getMessage()));
        } catch (InferenceException e) {
            return refused(scope, e);
        } catch (IOException | StatusRuntimeException e) {
            return refused(scope, new InferenceException(StatusCode.INTERNAL,
                    "Unable to parse request: it can't be decompressed", e));
        } catch (RuntimeException | Error e) {
            scope.close();
            throw e;
        }
    }

    private static InferMessage refused(BufferScope scope, InferenceException reason) {
        scope.close();
        return new InferMessage(reason, scope);
    }

    private InferMessage read(InputStream stream, BufferScope scope) throws IOException {
        try (BufferScope inflated = new BufferScope(buffers)) {
            MessageParts parts = MessageParts.of(stream, inflated);
            beforeCopy.run();
            RawContents.Divided divided = RawContents.take(parts, scope);
            return new InferMessage(InferMessageReader.read(divided.head(), divided.contents(), scope), scope);
        }
    }
}
