package dev.nereid.server.grpc.wire;

import io.grpc.Drainable;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/** Writes answers. */
public final class InferAnswerMarshaller implements MethodDescriptor.Marshaller<InferAnswer> {
    /** Creates a marshaller. */
    public InferAnswerMarshaller() {
    }

    @Override
    public InputStream stream(InferAnswer answer) {
        return new AnswerStream(answer);
    }

    @Override
    public InferAnswer parse(InputStream stream) {
        throw new UnsupportedOperationException("a server gets no answers");
    }

    /** The transport drains it; only one that can't reads it. */
    private static final class AnswerStream extends InputStream implements Drainable, KnownLength {
        private final InferAnswer answer;
        private @Nullable ByteArrayInputStream read;
        private boolean isDrained;

        AnswerStream(InferAnswer answer) {
            this.answer = answer;
        }

        @Override
        public int drainTo(OutputStream target) throws IOException {
            if (read != null) {
                return Math.toIntExact(read.transferTo(target));
            }
            if (isDrained) {
                return 0;
            }
            isDrained = true;
            answer.writeTo(target);
            return answer.byteSize();
        }

        @Override
        public int available() {
            if (read != null) {
                return read.available();
            }
            return isDrained ? 0 : answer.byteSize();
        }

        @Override
        public int read() throws IOException {
            return bytes().read();
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            return bytes().read(target, offset, length);
        }

        private ByteArrayInputStream bytes() throws IOException {
            ByteArrayInputStream bytes = read;
            if (bytes == null) {
                ByteArrayOutputStream copy = new ByteArrayOutputStream(available());
                drainTo(copy);
                bytes = new ByteArrayInputStream(copy.toByteArray());
                read = bytes;
            }
            return bytes;
        }
    }
}
