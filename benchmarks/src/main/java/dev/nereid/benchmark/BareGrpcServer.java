package dev.nereid.benchmark;

import io.grpc.HandlerRegistry;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerMethodDefinition;
import io.grpc.Status;
import io.grpc.netty.NettyServerBuilder;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.InetAddress;
import org.jspecify.annotations.Nullable;

/**
 * The yardstick of the benchmarks over gRPC: a server of grpc-netty that answers each call with the bytes of its request, on the
 * thread that has read them.
 */
public final class BareGrpcServer {
    private BareGrpcServer() {
    }

    /** Listens on the loopback address until the process is ended. The one argument is the port; 0 for any. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        Server server = NettyServerBuilder
                .forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[0])))
                .directExecutor().maxInboundMessageSize(Integer.MAX_VALUE).fallbackHandlerRegistry(new Methods())
                .build()
                .start();
        System.out.println("listening on port " + server.getPort());
        server.awaitTermination();
    }

    /** Any method at all. */
    private static final class Methods extends HandlerRegistry {
        @Override
        public ServerMethodDefinition<?, ?> lookupMethod(String name, @Nullable String authority) {
            return ServerMethodDefinition.create(MethodDescriptor.newBuilder(new Bytes(), new Bytes())
                    .setType(MethodType.UNARY).setFullMethodName(name).build(), new Echo());
        }
    }

    private static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            try {
                // All of a message is there, so that this is its length.
                byte[] bytes = new byte[stream.available()];
                int ignored = stream.readNBytes(bytes, 0, bytes.length);
                return bytes;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private static final class Echo implements ServerCallHandler<byte[], byte[]> {
        @Override
        public ServerCall.Listener<byte[]> startCall(ServerCall<byte[], byte[]> call, Metadata headers) {
            call.request(2);
            return new ServerCall.Listener<>() {
                @Override
                public void onMessage(byte[] message) {
                    call.sendHeaders(new Metadata());
                    call.sendMessage(message);
                    call.close(Status.OK, new Metadata());
                }
            };
        }
    }
}
