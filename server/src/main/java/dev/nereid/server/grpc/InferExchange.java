package dev.nereid.server.grpc;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.Response;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.request.WaitingListener;
import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TracePoint;
import dev.nereid.server.grpc.wire.InferAnswer;
import dev.nereid.server.grpc.wire.InferMessage;
import dev.nereid.server.v2.ModelVersions;
import dev.nereid.server.v2.OutputChoice;
import io.grpc.Metadata;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One request for inference, from its message to the end of its answers. It owns the message, and holds shared memory that
 * the request names.
 *
 * <p>Threads: submitted by the call's, which then executes the request where that is sure to be short; then the engine's,
 * one after the other. {@link #cancel()}: any.
 */
abstract class InferExchange extends WaitingListener {
    private final InferServices services;
    private final InferMessage message;
    private final long waitStart;
    private final ClientSharedMemory.Lease lease;
    /** Answers that are not sent yet, and one for the request itself. */
    private final AtomicInteger open = new AtomicInteger(1);
    private RequestTrace trace = RequestTrace.OFF;
    private InferDecoder.@Nullable Decoded decoded;
    private @Nullable ServedVersion served;
    private volatile @Nullable Ticket ticket;
    private volatile boolean isCancelled;

    /**
     * Takes a message over.
     *
     * @param waitStart when it was begun to wait for it
     */
    InferExchange(InferServices services, InferMessage message, long waitStart) {
        super(false);
        this.services = services;
        this.message = message;
        this.waitStart = waitStart;
        this.lease = services.regions().lease();
    }

    /** Called when it is known who serves the request, before it is submitted; again where another version has to. */
    abstract void chosen(ServedVersion version);

    /**
     * Hands the request to the engine.
     *
     * @throws InferenceException what is wrong with it; no answers come then, and it is the caller's to end
     */
    final void submit(Metadata headers) {
        if (message.failure().isPresent()) {
            throw message.failure().get();
        }
        InferMessage.Fields fields = message.fields();
        OptionalLong version = ModelVersions.parse(fields.modelVersion());
        trace = services.tracer().begin(fields.modelName(), name -> header(headers, name));
        trace.mark(TracePoint.GRPC_WAITREAD_START, waitStart);
        trace.mark(TracePoint.GRPC_WAITREAD_END);
        ticket = services.engine().onVersion(fields.modelName(), version, found -> submit(found, headers));
        lendOnce();
        if (isCancelled) {
            cancel();
        }
    }

    private static Optional<String> header(Metadata headers, String name) {
        return Optional.ofNullable(headers.get(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER)));
    }

    private Ticket submit(ServedVersion found, Metadata headers) {
        chosen(found);
        served = found;
        InferDecoder.Decoded request = decoded;
        if (request == null) {
            request = new InferDecoder(message.fields(), message.scope(), lease::resolve)
                    .decode(services.forwarded(headers));
            decoded = request;
        }
        return services.engine().submit(found, request.request(), message.scope(), this, trace);
    }

    /** Notes for people who look that the request failed, before it is {@link #over}. */
    final void note(String method, InferenceException error) {
        services.failures().add(
                () -> "gRPC " + method + (message.failure().isPresent() ? "" : " " + message.fields().modelName()),
                error);
    }

    /** Says that nobody waits for answers any more. The end is still told. */
    final void cancel() {
        isCancelled = true;
        Ticket submitted = ticket;
        if (submitted != null) {
            submitted.cancel();
        }
    }

    /** Gives the message and the shared memory back, when nothing of either is needed any more. */
    final void over() {
        releaseSharedMemory();
        message.close();
        sent();
    }

    /** Lets go of the shared memory: a client that has its answer may register the region anew at once. */
    final void releaseSharedMemory() {
        lease.end();
    }

    /** Says that there is an answer that will be sent. */
    final void sends() {
        open.incrementAndGet();
    }

    /** Says that an answer was sent, or never will be. */
    final void sent() {
        if (open.decrementAndGet() == 0) {
            services.tracer().finish(trace);
        }
    }

    /** Returns what notes the request's way. */
    final RequestTrace trace() {
        return trace;
    }

    /** Returns the client's id. */
    final String id() {
        return message.fields().id();
    }

    /** Returns whether the client wants to be told of the end where nothing came with it. */
    final boolean wantsEmptyFinal() {
        InferDecoder.Decoded request = decoded;
        return request != null && request.wantsEmptyFinal();
    }

    /** Returns whether an answer takes too long to send for a thread that others wait for. */
    final boolean isSlow(Response response) {
        long bytes = 0;
        for (Tensor output : response.outputs()) {
            bytes += output.byteSize();
        }
        return bytes > InferServices.MAX_QUICK_BYTES;
    }

    /** Returns what an answer says of its request. */
    final InferAnswer.About about(Map<String, Parameter> parameters) {
        ServedVersion by = version();
        return new InferAnswer.About(by.name(), by.versionText(), id(), parameters);
    }

    /** Returns what an answer without outputs says of its request, as the client wrote it. */
    final InferAnswer.About asAsked(Map<String, Parameter> parameters) {
        InferMessage.Fields fields = message.fields();
        return new InferAnswer.About(fields.modelName(), fields.modelVersion(), fields.id(), parameters);
    }

    private ServedVersion version() {
        ServedVersion by = served;
        if (by == null) {
            throw new IllegalStateException("not submitted");
        }
        return by;
    }

    /**
     * Returns the outputs as the client wants them. Those for shared memory are written to it.
     *
     * @throws InferenceException for one that can't be given like that
     */
    final List<InferAnswer.Output> outputs(Response response) {
        InferDecoder.Decoded request = decoded;
        Map<String, OutputChoice> choices = request == null ? Map.of() : request.outputs();
        List<InferAnswer.Output> outputs = new ArrayList<>(response.outputs().size());
        for (Tensor output : response.outputs()) {
            outputs.add(switch (choices.getOrDefault(output.name(), OutputChoice.VALUES)) {
                case OutputChoice.Values _ -> output(output, output.data());
                case OutputChoice.Classes classes -> classified(output, classes);
                case OutputChoice.SharedMemory sharedMemory -> {
                    sharedMemory.write(output);
                    yield output(output, MemorySegment.NULL);
                }
            });
        }
        return outputs;
    }

    /** What is sorted lies on the heap, and is counted for as long as it is sorted. */
    private InferAnswer.Output classified(Tensor output, OutputChoice.Classes classes) {
        ServedVersion by = version();
        try (BufferScope scope = new BufferScope(services.engine().buffers())) {
            Tensor texts = classes.of(output, by.labels(output.name()), by.config().isBatching(), scope::reserve);
            return output(texts, texts.data());
        }
    }

    private static InferAnswer.Output output(Tensor tensor, MemorySegment data) {
        return new InferAnswer.Output(tensor.name(), tensor.dataType().name(), tensor.shape(), data);
    }
}
