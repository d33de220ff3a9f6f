package dev.nereid.server.grpc;

import dev.nereid.server.listener.ConnectionSlots;
import dev.nereid.server.tls.ServerTls;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallExecutorSupplier;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioChannelOption;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.SupportedCipherSuiteFilter;
import io.netty.handler.ssl.JdkSslContext;
import io.netty.handler.ssl.SslContext;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;

/**
 * The port, with bounds on whatever a client may do before a call is handled.
 *
 * <p>Threads: calls of inference run on the event loops, since they never block; all others, and those whose messages
 * have to be decompressed, have a virtual thread of their own. The transport is the JDK's NIO, so that no native library
 * has to be unpacked.
 */
final class GrpcListener implements AutoCloseable {
    /** They log the stack of each mistake of a client; kept here, since a logger that nobody keeps forgets its level. */
    private static final List<Logger> LOUD = Stream
            .of("NettyServerHandler", "NettyServerStream", "NettyServerTransport")
            .map(name -> Logger.getLogger("io.grpc.netty." + name)).toList();

    private final Server server;
    private final EventLoopGroup loops;
    private final ExecutorService calls;

    private GrpcListener(Server server, EventLoopGroup loops, ExecutorService calls) {
        this.server = server;
        this.loops = loops;
        this.calls = calls;
    }

    /** Creates a listener whose port is not yet open. It is to be closed, opened or not. */
    static GrpcListener create(GrpcOptions options, List<ServerServiceDefinition> services, AccessGate gate,
            TransportMemory memory, Optional<ServerTls> tls, ConnectionSlots slots) {
        LOUD.forEach(logger -> logger.setLevel(Level.SEVERE));
        EventLoopGroup loops = new MultiThreadIoEventLoopGroup(options.threads(),
                Thread.ofPlatform().name("nereid-grpc-", 0).daemon(true).factory(), NioIoHandler.newFactory());
        ExecutorService calls = Executors
                .newThreadPerTaskExecutor(Thread.ofVirtual().name("nereid-grpc-call-", 0).factory());
        NettyServerBuilder builder = NettyServerBuilder
                .forAddress(new InetSocketAddress(options.address(), options.port()))
                .channelFactory(() -> new BoundedPort(slots)).bossEventLoopGroup(loops).workerEventLoopGroup(loops)
                .executor(Runnable::run).intercept(gate).addServices(services)
                .fallbackHandlerRegistry(new UnknownMethods()).addStreamTracerFactory(new CallBytes.Factory(memory))
                .decompressorRegistry(Codecs.decompressors())
                .compressorRegistry(Codecs.compressors(options.compression().level()))
                .maxInboundMessageSize(Integer.MAX_VALUE);
        builder.callExecutor(new ServerCallExecutorSupplier() {
            @Override
            public <Q, A> Executor getExecutor(ServerCall<Q, A> call, Metadata metadata) {
                return Methods.isInference(call.getMethodDescriptor().getFullMethodName())
                        && !Codecs.isCompressed(metadata) ? Runnable::run : calls;
            }
        });
        limit(builder, options.limits());
        keepAlive(builder, options.keepAlive());
        if (options.hasReflection()) {
            builder.addService(ProtoReflectionServiceV1.newInstance());
        }
        if (options.reusesPort()) {
            builder.withOption(NioChannelOption.of(StandardSocketOptions.SO_REUSEPORT), true);
        }
        tls.ifPresent(present -> builder.sslContext(context(present)));
        return new GrpcListener(builder.build(), loops, calls);
    }

    private static void limit(NettyServerBuilder builder, GrpcOptions.Limits limits) {
        builder.maxConcurrentCallsPerConnection(limits.callsPerConnection())
                .maxRstFramesPerWindow(limits.resetsPerWindow(), (int) limits.resetWindow().toSeconds())
                .maxInboundMetadataSize(limits.metadataBytes())
                .handshakeTimeout(limits.handshakeTimeout().toMillis(), TimeUnit.MILLISECONDS);
    }

    private static void keepAlive(NettyServerBuilder builder, GrpcOptions.KeepAlive keepAlive) {
        builder.keepAliveTime(keepAlive.time().toMillis(), TimeUnit.MILLISECONDS)
                .keepAliveTimeout(keepAlive.timeout().toMillis(), TimeUnit.MILLISECONDS)
                .permitKeepAliveWithoutCalls(keepAlive.permitsWithoutCalls())
                .permitKeepAliveTime(keepAlive.minPingInterval().toMillis(), TimeUnit.MILLISECONDS);
        keepAlive.maxConnectionAge()
                .ifPresent(age -> builder.maxConnectionAge(age.toMillis(), TimeUnit.MILLISECONDS));
        keepAlive.maxConnectionAgeGrace()
                .ifPresent(grace -> builder.maxConnectionAgeGrace(grace.toMillis(), TimeUnit.MILLISECONDS));
    }

    @SuppressWarnings("deprecation") // the only way to give netty a context whose certificates change
    private static SslContext context(ServerTls tls) {
        return new JdkSslContext(tls.context(), false, ServerTls.CIPHERS, SupportedCipherSuiteFilter.INSTANCE,
                new ApplicationProtocolConfig(ApplicationProtocolConfig.Protocol.ALPN,
                        ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                        ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT, "h2"),
                tls.asksClients() ? ClientAuth.REQUIRE : ClientAuth.NONE, ServerTls.PROTOCOLS.toArray(String[]::new),
                false);
    }

    /**
     * Opens the port.
     *
     * @throws UncheckedIOException when it can't be opened
     */
    void open() {
        try {
            Server ignored = server.start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the port that is listened on. */
    int port() {
        return server.getPort();
    }

    /** Returns whether it is open. */
    boolean isOpen() {
        return !server.isShutdown();
    }

    /** Returns what carries the bytes, for people. */
    static String transport() {
        return "NIO";
    }

    /**
     * Tells clients to go elsewhere, and takes no more connections. A call that was on its way meanwhile is served: nobody
     * but its client could send it again.
     */
    void endConnections() {
        Server ignored = server.shutdown();
    }

    /** Tells clients to go elsewhere, waits for running calls up to a limit, and ends those that are left. */
    void close(Duration limit) {
        try {
            endConnections();
            if (!server.awaitTermination(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                server.shutdownNow();
                boolean ignored = server.awaitTermination(5, TimeUnit.SECONDS);
            }
        } catch (InterruptedException e) {
            server.shutdownNow();
            Thread.currentThread().interrupt();
        } finally {
            loops.shutdownGracefully(0, 2, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
            calls.shutdown();
        }
    }

    @Override
    public void close() {
        close(Duration.ofSeconds(30));
    }
}
