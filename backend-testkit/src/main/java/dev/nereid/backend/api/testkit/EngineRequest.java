package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A request inside the test engine. Its inputs lie in an arena of their own that is closed with the answer, so that
 * whoever keeps a segment fails. Any thread may call it; one lock guards the state.
 */
final class EngineRequest implements InferenceRequest {
    private static final byte GONE = (byte) 0xDB;

    private final TestRequest request;
    private final String label;
    private final ModelConfig config;
    private final Violations violations;
    private final Arena inputArena;
    /** What the inputs lie in. */
    private final List<MemorySegment> inputMemory;
    private final List<Tensor> inputs;
    private final List<EngineResponse> created = new ArrayList<>();
    private final List<EngineResponse> sent = new ArrayList<>();
    private boolean isAnswered;
    private boolean isExecuted;
    private boolean isAnsweredLater;
    /** Whether it is to be executed again. */
    private boolean isGivenBack;
    private boolean isRepeated;
    private @Nullable InferenceException error;

    private EngineRequest(TestRequest request, String label, ModelConfig config, Violations violations,
            Arena inputArena, List<MemorySegment> inputMemory, List<Tensor> inputs) {
        this.request = request;
        this.label = label;
        this.config = config;
        this.violations = violations;
        this.inputArena = inputArena;
        this.inputMemory = inputMemory;
        this.inputs = inputs;
    }

    @SuppressWarnings("MustBeClosedChecker") // closed with the answer
    static EngineRequest create(TestRequest request, int index, ModelConfig config, Violations violations) {
        Arena arena = Arena.ofShared();
        List<String> order = config.inputs().stream().map(ModelInput::name).toList();
        List<MemorySegment> memory = new ArrayList<>();
        List<Tensor> inputs = request.inputs().stream()
                .sorted(Comparator.comparingInt(input -> order.indexOf(input.name())))
                .map(input -> tensor(input, arena, memory)).toList();
        String label = "request " + index + (request.id().isEmpty() ? "" : " '" + request.id() + "'");
        return new EngineRequest(request, label, config, violations, arena, memory, inputs);
    }

    private static Tensor tensor(TestTensor input, Arena arena, List<MemorySegment> memory) {
        // At an odd address: tensors of a binary request body lie wherever its JSON part ends.
        MemorySegment data = arena.allocate(1L + input.byteSize(), 64).asSlice(1, input.byteSize());
        input.writeTo(data);
        memory.add(data);
        return new Tensor(input.name(), input.dataType(), input.shape(), data.asReadOnly());
    }

    String label() {
        return label;
    }

    ModelConfig config() {
        return config;
    }

    Violations violations() {
        return violations;
    }

    @Override
    public String id() {
        return request.id();
    }

    @Override
    public CorrelationId correlationId() {
        return request.correlationId();
    }

    @Override
    public synchronized boolean isSequenceStart() {
        return !isRepeated && request.isSequenceStart();
    }

    @Override
    public synchronized boolean isSequenceEnd() {
        return !isRepeated && request.isSequenceEnd();
    }

    @Override
    public long timeoutMicros() {
        return request.timeoutMicros();
    }

    @Override
    public Map<String, Parameter> parameters() {
        return request.parameters();
    }

    @Override
    public List<Tensor> inputs() {
        return inputs;
    }

    @Override
    public Optional<Tensor> input(String name) {
        return inputs.stream().filter(input -> input.name().equals(name)).findFirst();
    }

    @Override
    public int batchSize() {
        return config.isBatching() ? Math.toIntExact(request.rows()) : 1;
    }

    @Override
    public boolean isOutputRequested(String name) {
        return request.requestedOutputs().isEmpty() || request.requestedOutputs().contains(name);
    }

    @Override
    public boolean isCancelled() {
        return request.isCancelled();
    }

    @Override
    public synchronized InferenceResponse newResponse() {
        if (isAnswered) {
            throw violations.refuse(label + " got a new response after it was answered");
        }
        EngineResponse response = new EngineResponse(this);
        created.add(response);
        return response;
    }

    @Override
    public synchronized void fail(InferenceException failure) {
        answer();
        error = failure;
    }

    @Override
    public synchronized void complete() {
        if (!config.isDecoupled()) {
            throw violations.refuse(label + " was completed without a response, but the model is not decoupled");
        }
        answer();
    }

    @Override
    public synchronized void answerLater() {
        if (isAnswered || isAnsweredLater || isExecuted) {
            throw violations
                    .refuse(label + " can't be answered later: it is answered, or was to be, or its execution has "
                            + "returned");
        }
        isAnsweredLater = true;
    }

    @Override
    public synchronized void executeAgain() {
        if (isAnswered || isGivenBack) {
            throw violations
                    .refuse(label + " can't be executed again: it is answered, or to be executed again already");
        }
        if (!(config.scheduling() instanceof SequenceBatching batching && batching.isIterative())) {
            throw InferenceException
                    .invalid("Request is released with TRITONSERVER_REQUEST_RELEASE_RESCHEDULE, while the"
                            + " model is not configured to handle such a flag.");
        }
        isGivenBack = true;
        notifyAll();
    }

    /** Begins another round where the backend wants one; returns whether it does. */
    synchronized boolean startsRound() {
        boolean starts = isGivenBack;
        if (starts) {
            isGivenBack = false;
            isRepeated = true;
            isExecuted = false;
            isAnsweredLater = false;
        }
        return starts;
    }

    synchronized boolean isGivenBack() {
        return isGivenBack;
    }

    synchronized boolean isAnsweredLater() {
        return isAnsweredLater;
    }

    /** Notes that the execution has returned, and waits for the answer where that comes later. */
    synchronized void executed(long limitNanos) {
        isExecuted = true;
        long end = System.nanoTime() + limitNanos;
        while (isAnsweredLater && !isAnswered && !isGivenBack) {
            long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
            if (left <= 0) {
                violations.add(label + " was to be answered later, but was not");
                return;
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    @Override
    public synchronized boolean isAnswered() {
        return isAnswered;
    }

    synchronized void send(EngineResponse response, boolean isFinal) {
        if (isFinal) {
            answer();
        } else if (isAnswered) {
            throw violations.refuse(label + " was sent a response after it was answered");
        }
        sent.add(response);
    }

    /** Called when execute has returned: reads the outputs as the server would, then releases all memory. */
    synchronized TestResult collect() {
        List<TestResult.Response> responses = new ArrayList<>();
        for (EngineResponse response : sent) {
            responses.add(response.read());
        }
        for (EngineResponse response : created) {
            response.release();
        }
        return new TestResult(responses, Optional.ofNullable(error));
    }

    private void answer() {
        if (isAnswered) {
            throw violations.refuse(label + " was answered twice");
        }
        if (isGivenBack) {
            throw violations.refuse(label + " was answered, but is to be executed again");
        }
        isAnswered = true;
        notifyAll();
        for (TestTensor input : request.inputs()) {
            if (input(input.name()).filter(tensor -> input.isIn(tensor.data())).isEmpty()) {
                violations.add("input '" + input.name() + "' of " + label + " was changed; inputs are read-only");
            }
        }
        // A backend that answers from there by an address of its own is found by what it answers.
        inputMemory.forEach(memory -> memory.fill(GONE));
        inputArena.close();
    }
}
