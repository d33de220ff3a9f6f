package dev.nereid.server.grpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.plugin.PluginJar;
import dev.nereid.server.NereidServer;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.cli.CommandLine;
import dev.nereid.server.grpc.proto.InferParameter;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import dev.nereid.server.grpc.proto.ModelInferResponse;
import dev.nereid.server.grpc.proto.ModelStreamInferResponse;
import dev.nereid.server.v2.LogControl;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.MetadataUtils;
import io.grpc.ClientInterceptors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A real server on free ports with models of three kinds, and a client of it. Requests say by parameters what happens to
 * them: {@code hold}, until the test goes on or the request is cancelled; {@code fail}; {@code count}, the number of
 * responses of the decoupled model, each with the input.
 */
final class ServedModels implements AutoCloseable {
    static final String PLAIN = "plain";
    static final String OTHER = "other";
    static final String MANY = "many";
    static final MethodDescriptor<ModelInferRequest, ModelInferResponse> INFER = method(MethodType.UNARY,
            Methods.INFER, ModelInferRequest.getDefaultInstance(), ModelInferResponse.getDefaultInstance());
    static final MethodDescriptor<ModelInferRequest, ModelStreamInferResponse> STREAM = method(
            MethodType.BIDI_STREAMING, Methods.STREAM_INFER, ModelInferRequest.getDefaultInstance(),
            ModelStreamInferResponse.getDefaultInstance());

    private static final BackendAttributes ANY_THREAD = BackendAttributes.DEFAULT
            .withThreadConfinement(ThreadConfinement.ANY_THREAD);

    private final NereidServer server;
    final ManagedChannel channel;
    /** The name of the thread of the latest execution. */
    volatile String executedBy = "";
    private final Semaphore held = new Semaphore(0);
    private final Semaphore released = new Semaphore(0);
    private final Semaphore cancelled = new Semaphore(0);

    ServedModels(Path directory, String... flags) {
        this(directory, UnaryOperator.identity(), flags);
    }

    /**
     * Starts a server.
     *
     * @param grpc what becomes of the options that no flag sets
     */
    ServedModels(Path directory, UnaryOperator<GrpcOptions> grpc, String... flags) {
        try {
            Path models = Files.createDirectories(directory.resolve("models"));
            writeModel(models, PLAIN, "max_batch_size: 8");
            writeModel(models, OTHER, "");
            writeModel(models, MANY, "model_transaction_policy { decoupled: true }");
            Path backends = Files.createDirectories(directory.resolve("backends"));
            PluginJar.delegatingTo(new FakeBackend("echo").attributes(ANY_THREAD).onExecute(this::execute))
                    .writeTo(backends.resolve("echo.jar"));
            List<String> all = new ArrayList<>(List.of("--model-repository=" + models,
                    "--backend-directory=" + backends, "--allow-http=false", "--allow-metrics=false",
                    "--grpc-port=0", "--grpc-address=127.0.0.1"));
            all.addAll(Arrays.asList(flags));
            ServerOptions given = CommandLine.parse(all).options(backends);
            ServerOptions options = new ServerOptions(given.id(), given.exitTimeout(), given.exitOnError(),
                    given.engine(), given.http(), grpc.apply(given.grpc()), given.metrics(), given.logging(),
                    given.trace(), given.exitsOnStall(), given.allowsClientSharedMemory(), given.console(),
                    given.exitGrace(),
                    given.authTokens());
            server = NereidServer.start(options, LogControl.fixed(options.logging()),
                    Engine.create(options.engine(), GpuDriver.none("this is a test")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        channel = NettyChannelBuilder.forAddress("127.0.0.1", server.grpcPort()).usePlaintext()
                .maxInboundMessageSize(Integer.MAX_VALUE).build();
    }

    static <Q extends Message, A extends Message> MethodDescriptor<Q, A> method(MethodType type, String name, Q request,
            A answer) {
        return MethodDescriptor.<Q, A>newBuilder(ProtoUtils.marshaller(request), ProtoUtils.marshaller(answer))
                .setType(type).setFullMethodName(name).build();
    }

    private static void writeModel(Path models, String name, String extra) throws IOException {
        Path model = models.resolve(name);
        Files.createDirectories(model.resolve("1"));
        Files.writeString(model.resolve("labels.txt"), "zero\none\ntwo\n");
        Files.writeString(model.resolve("config.pbtxt"), """
                backend: "echo"
                %s
                instance_group [{ count: 1 kind: KIND_CPU }]
                input [{ name: "INPUT0" data_type: TYPE_INT32 dims: [ -1 ] }]
                output [{ name: "OUTPUT0" data_type: TYPE_INT32 dims: [ -1 ] label_filename: "labels.txt" }]
                """.formatted(extra));
    }

    private void execute(Batch batch) {
        executedBy = Thread.currentThread().getName();
        for (InferenceRequest request : batch.requests()) {
            if (request.parameters().containsKey("hold")) {
                hold(request);
            }
            if (request.parameters().get("fail") instanceof Parameter.Text text) {
                request.fail(InferenceException.unavailable(text.value()));
                continue;
            }
            long count = request.parameters().get("count") instanceof Parameter.Int given ? given.value() : -1;
            for (long i = 0; i < count; i++) {
                response(request).sendPartial();
            }
            if (count < 0) {
                response(request).send();
            } else {
                request.complete();
            }
        }
    }

    private static InferenceResponse response(InferenceRequest request) {
        InferenceResponse response = request.newResponse();
        Tensor input = request.inputs().getFirst();
        response.copyOutput("OUTPUT0", input.dataType(), input.shape(), input.data());
        return response;
    }

    private void hold(InferenceRequest request) {
        held.release();
        while (!released.tryAcquire()) {
            if (request.isCancelled()) {
                cancelled.release();
                throw new InferenceException(StatusCode.CANCELLED, "given up");
            }
            LockSupport.parkNanos(1_000_000);
        }
    }

    void awaitHeld() throws InterruptedException {
        await(held);
    }

    void awaitCancelled() throws InterruptedException {
        await(cancelled);
    }

    private static void await(Semaphore semaphore) throws InterruptedException {
        if (!semaphore.tryAcquire(30, TimeUnit.SECONDS)) {
            throw new AssertionError("it did not happen");
        }
    }

    void release() {
        released.release();
    }

    NereidServer server() {
        return server;
    }

    /** Returns the memory that requests still hold when the last of them has had a moment to end. */
    long bytesHeld() {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (server.engine().buffers().inUseBytes() != 0 && System.nanoTime() < deadline) {
            LockSupport.parkNanos(100_000);
        }
        return server.engine().buffers().inUseBytes();
    }

    static ByteString ints(int... values) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (int value : values) {
            bytes.putInt(value);
        }
        return ByteString.copyFrom(bytes.flip());
    }

    /** Returns a request with one row of numbers. */
    static ModelInferRequest.Builder request(String model, String id, int... values) {
        ModelInferRequest.InferInputTensor.Builder input = ModelInferRequest.InferInputTensor.newBuilder()
                .setName("INPUT0").setDatatype("INT32");
        if (model.equals(PLAIN)) {
            input.addShape(1);
        }
        return ModelInferRequest.newBuilder().setModelName(model).setId(id).addInputs(input.addShape(values.length))
                .addRawInputContents(ints(values));
    }

    static InferParameter flag() {
        return InferParameter.newBuilder().setBoolParam(true).build();
    }

    static InferParameter number(long value) {
        return InferParameter.newBuilder().setInt64Param(value).build();
    }

    static InferParameter text(String value) {
        return InferParameter.newBuilder().setStringParam(value).build();
    }

    ModelInferResponse infer(ModelInferRequest.Builder request) {
        return infer(request, CallOptions.DEFAULT);
    }

    ModelInferResponse infer(ModelInferRequest.Builder request, CallOptions options) {
        return ClientCalls.blockingUnaryCall(channel, INFER, options, request.build());
    }

    /** Calls a method other than those of inference. */
    <Q extends Message, A extends Message> A call(String name, Q request, A answer) {
        @SuppressWarnings("unchecked")
        Q none = (Q) request.getDefaultInstanceForType();
        return ClientCalls.blockingUnaryCall(channel,
                method(MethodType.UNARY, Methods.SERVICE + "/" + name, none, answer),
                CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS), request);
    }

    Stream stream() {
        return stream(new Metadata());
    }

    Stream stream(Metadata headers) {
        Stream stream = new Stream();
        ClientCalls.asyncBidiStreamingCall(
                ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(headers),
                        MetadataUtils.newCaptureMetadataInterceptor(new AtomicReference<>(), stream.trailers))
                        .newCall(STREAM, CallOptions.DEFAULT),
                stream);
        return stream;
    }

    /** A stream as its client sees it. */
    static final class Stream implements ClientResponseObserver<ModelInferRequest, ModelStreamInferResponse> {
        private final LinkedBlockingQueue<ModelStreamInferResponse> received = new LinkedBlockingQueue<>();
        private final CompletableFuture<Status> end = new CompletableFuture<>();
        private final AtomicReference<Metadata> trailers = new AtomicReference<>(new Metadata());
        private @Nullable ClientCallStreamObserver<ModelInferRequest> requests;

        @Override
        public void beforeStart(ClientCallStreamObserver<ModelInferRequest> stream) {
            requests = stream;
        }

        private ClientCallStreamObserver<ModelInferRequest> requests() {
            if (requests == null) {
                throw new IllegalStateException("not started");
            }
            return requests;
        }

        void send(ModelInferRequest.Builder request) {
            requests().onNext(request.build());
        }

        void halfClose() {
            requests().onCompleted();
        }

        void cancel() {
            requests().cancel("the client gives up", null);
        }

        ModelStreamInferResponse next() throws InterruptedException {
            ModelStreamInferResponse next = received.poll(30, TimeUnit.SECONDS);
            if (next == null) {
                throw new AssertionError("no response, status " + end.getNow(Status.UNKNOWN));
            }
            return next;
        }

        /** Returns the ids of the responses that come until the stream ends well. */
        List<String> idsUntilTheEnd() throws InterruptedException {
            Status status = end();
            if (!status.isOk()) {
                throw new AssertionError(status.toString());
            }
            return received.stream().map(each -> each.getInferResponse().getId()).toList();
        }

        Status end() throws InterruptedException {
            try {
                return end.get(30, TimeUnit.SECONDS);
            } catch (ExecutionException | TimeoutException e) {
                throw new AssertionError("the stream does not end", e);
            }
        }

        /** Returns what came with the end of the stream. */
        Metadata trailers() {
            return Objects.requireNonNull(trailers.get());
        }

        int waiting() {
            return received.size();
        }

        @Override
        public void onNext(ModelStreamInferResponse value) {
            received.add(value);
        }

        @Override
        public void onError(Throwable t) {
            end.complete(Status.fromThrowable(t));
        }

        @Override
        public void onCompleted() {
            end.complete(Status.OK);
        }
    }

    @Override
    public void close() {
        channel.shutdownNow();
        server.close();
    }
}
