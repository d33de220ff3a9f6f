package dev.nereid.server.grpc;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.server.grpc.wire.InferAnswer;
import dev.nereid.server.grpc.wire.InferAnswerMarshaller;
import dev.nereid.server.grpc.wire.InferMessage;
import dev.nereid.server.grpc.wire.InferRequestMarshaller;
import dev.nereid.server.listener.ConnectionSlots;
import dev.nereid.server.listener.Deadline;
import dev.nereid.server.listener.PortHealth;
import dev.nereid.server.tls.ServerTls;
import dev.nereid.server.v2.AuthTokens;
import dev.nereid.server.v2.HeaderForwarding;
import dev.nereid.server.v2.V2Service;
import io.grpc.MethodDescriptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServiceDescriptor;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;

/** The gRPC listener: the methods of the protocol, and gRPC's own health service. */
public final class GrpcFrontEnd implements AutoCloseable {
    /**
     * What the calls work with.
     *
     * @param engine executes inference
     * @param tracer selects requests to trace
     * @param v2 answers everything else
     * @param tokens who may ask; empty for all. To be closed by who has created them
     */
    public record Services(Engine engine, Tracer tracer, V2Service v2, Optional<AuthTokens> tokens) {
    }

    private final GrpcListener listener;
    private final TransportMemory memory;

    private GrpcFrontEnd(GrpcListener listener, TransportMemory memory) {
        this.listener = listener;
        this.memory = memory;
    }

    /**
     * Creates a front end whose port is not yet open. It is to be closed, opened or not.
     *
     * @param tls key and certificates; empty for plain text. To be closed by who has created them
     * @param slots each connection takes one
     */
    public static GrpcFrontEnd create(Services services, GrpcOptions options, Optional<ServerTls> tls,
            ConnectionSlots slots) {
        TransportMemory memory = TransportMemory.create(services.engine().buffers());
        GrpcListener listener = GrpcListener.create(options,
                List.of(inference(services, options), HealthService.of(() -> health(services.v2()))),
                new AccessGate(options.restrictions(), services.tokens()), memory, tls, slots);
        return new GrpcFrontEnd(listener, memory);
    }

    private static HealthService.Health health(V2Service service) {
        try {
            return service.isReady() ? HealthService.Health.READY : HealthService.Health.NOT_READY;
        } catch (InferenceException e) {
            return HealthService.Health.STOPPING;
        }
    }

    private static ServerServiceDefinition inference(Services services, GrpcOptions options) {
        BufferPool buffers = services.engine().buffers();
        Thread.Builder answering = Thread.ofVirtual().name("nereid-grpc-answer-", 0);
        Executor slowAnswers = task -> {
            var _ = answering.start(task);
        };
        InferServices infer = new InferServices(services.engine(), services.tracer(),
                services.v2().sharedMemory().regions(), new HeaderForwarding(options.forwardPattern()),
                options.compression() != GrpcOptions.Compression.NONE, slowAnswers,
                services.v2().failures());
        InferRequestMarshaller requests = new InferRequestMarshaller(buffers, () -> CallBytes.current().takenOver());
        InferAnswerMarshaller answers = new InferAnswerMarshaller();
        MethodDescriptor<InferMessage, InferAnswer> unary = Methods.infer(requests, answers);
        MethodDescriptor<InferMessage, InferAnswer> stream = Methods.streamInfer(requests, answers);
        List<ControlService.Method<?, ?>> others = new ControlService(services.v2()).methods();
        ServiceDescriptor.Builder description = Methods.service().addMethod(unary).addMethod(stream);
        others.forEach(method -> description.addMethod(method.descriptor()));
        ServerServiceDefinition.Builder service = ServerServiceDefinition.builder(description.build())
                .addMethod(unary, new InferHandler(infer))
                .addMethod(stream, new StreamInferHandler(infer,
                        new StreamWriter.Bounds(options.maxWaitingResponses(),
                                options.limits().waitingBytesPerStream())));
        others.forEach(method -> method.addTo(service));
        return service.build();
    }

    /**
     * Opens the port.
     *
     * @throws java.io.UncheckedIOException when it can't be opened
     */
    public void open() {
        listener.open();
    }

    /** Returns the port that is listened on. */
    public int port() {
        return listener.port();
    }

    /** Returns whether the port is served. */
    public PortHealth health() {
        return listener.isOpen() ? PortHealth.ACCEPTS : PortHealth.GONE;
    }

    /** Returns what carries the bytes, for people. */
    public static String transport() {
        return GrpcListener.transport();
    }

    /** Returns the bytes of messages that the transport holds now. */
    long heldBytes() {
        return memory.held();
    }

    /** Tells clients to go elsewhere, and takes no more connections; what they have sent until they know is answered. */
    public void endConnections() {
        listener.endConnections();
    }

    /** Does the same, waits for the calls that run until the deadline, and ends those that are left. */
    public void close(Deadline deadline) {
        listener.close(deadline.remaining());
    }

    @Override
    public void close() {
        listener.close();
    }
}
