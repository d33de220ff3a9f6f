package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelCallListener;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** The models of a test engine that can be called, and who waits for whom. Threads: any; its own monitor guards the waits. */
final class CalledModels {
    private final ConcurrentMap<String, Function<TestRequest, TestResult>> answers = new ConcurrentHashMap<>();
    private final Map<String, List<String>> waits = new HashMap<>();

    void offer(String model, Function<TestRequest, TestResult> answer) {
        answers.put(model, answer);
    }

    void withdraw(String model, Function<TestRequest, TestResult> answer) {
        answers.remove(model, answer);
    }

    boolean isEmpty() {
        return answers.isEmpty();
    }

    /** Returns what the model of that name calls others with. */
    Calls callsOf(String caller) {
        return new Calls(caller);
    }

    private synchronized void enter(String caller, String callee) {
        if (reaches(callee, caller, new HashSet<>())) {
            throw InferenceException.unsupported("model '" + caller + "' can't call model '" + callee
                    + "', which would wait for model '" + caller + "' in turn");
        }
        waits.computeIfAbsent(caller, ignored -> new ArrayList<>()).add(callee);
    }

    private synchronized void leave(String caller, String callee) {
        waits.getOrDefault(caller, new ArrayList<>()).remove(callee);
    }

    private boolean reaches(String from, String to, Set<String> seen) {
        return from.equals(to) || (seen.add(from)
                && waits.getOrDefault(from, List.of()).stream().anyMatch(next -> reaches(next, to, seen)));
    }

    /** The calls of one model. */
    final class Calls implements ModelCalls {
        private final String caller;
        private final AtomicInteger openResults = new AtomicInteger();

        private Calls(String caller) {
            this.caller = caller;
        }

        /** Returns how many results the model has not closed. */
        int openResults() {
            return openResults.get();
        }

        @Override
        public InferenceResult infer(ModelCall call) {
            requireWanted(call);
            enter(caller, call.model());
            try {
                TestResult result = answer(call);
                if (result.error().isPresent()) {
                    throw result.error().get();
                }
                if (result.responses().size() != 1) {
                    throw InferenceException.unsupported("model '" + call.model() + "' answered "
                            + result.responses().size() + " times; call it with a listener, or another model");
                }
                return open(result.response());
            } finally {
                leave(caller, call.model());
            }
        }

        @Override
        public void infer(ModelCall call, ModelCallListener listener) {
            requireWanted(call);
            enter(caller, call.model());
            try {
                TestResult result = answer(call);
                for (TestResult.Response response : result.responses()) {
                    requireWanted(call);
                    if (!listener.onResult(open(response))) {
                        return;
                    }
                }
                if (result.error().isPresent()) {
                    throw result.error().get();
                }
            } finally {
                leave(caller, call.model());
            }
        }

        private Result open(TestResult.Response response) {
            openResults.incrementAndGet();
            return new Result(response, openResults);
        }
    }

    private static void requireWanted(ModelCall call) {
        if (call.isCancelled()) {
            throw new InferenceException(StatusCode.CANCELLED, "the call of model '" + call.model()
                    + "' was cancelled");
        }
    }

    private TestResult answer(ModelCall call) {
        Function<TestRequest, TestResult> answer = answers.get(call.model());
        if (answer == null) {
            throw InferenceException.notFound("Request for unknown model: '" + call.model() + "' is not found");
        }
        return answer.apply(request(call));
    }

    private static TestRequest request(ModelCall call) {
        TestTensor[] inputs = call.inputs().stream().map(input -> TestTensor.of(input.name(), input.dataType(),
                input.shape(), input.data().toArray(ValueLayout.JAVA_BYTE))).toArray(TestTensor[]::new);
        ModelCall.Step step = call.sequence().orElse(new ModelCall.Step(CorrelationId.NONE, false, false));
        TestRequest request = new TestRequest("", List.of(inputs), call.outputs(), Map.of(), step.id(), step.isStart(),
                step.isEnd(), 0, false);
        for (Map.Entry<String, Parameter> parameter : call.parameters().entrySet()) {
            request = request.parameter(parameter.getKey(), parameter.getValue());
        }
        return request;
    }

    /** An answer in memory that ends with {@link #close()}. */
    private static final class Result implements InferenceResult {
        private final Arena arena;
        private final List<Tensor> outputs;
        private final Map<String, Parameter> parameters;
        private final AtomicInteger openResults;
        private final AtomicBoolean isClosed = new AtomicBoolean();

        @SuppressWarnings("MustBeClosedChecker") // close() closes it
        Result(TestResult.Response response, AtomicInteger openResults) {
            this.arena = Arena.ofShared();
            this.outputs = response.outputs().stream().map(output -> {
                MemorySegment data = arena.allocate(output.byteSize() + 1L, 64).asSlice(1, output.byteSize());
                output.writeTo(data);
                return new Tensor(output.name(), output.dataType(), output.shape(), data.asReadOnly());
            }).toList();
            this.parameters = response.parameters();
            this.openResults = openResults;
        }

        @Override
        public List<Tensor> outputs() {
            return outputs;
        }

        @Override
        public Map<String, Parameter> parameters() {
            return parameters;
        }

        @Override
        public void close() {
            if (isClosed.compareAndSet(false, true)) {
                openResults.decrementAndGet();
                arena.close();
            }
        }
    }
}
