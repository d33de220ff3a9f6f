package dev.nereid.engine.ensemble;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.ensemble.EnsemblePlan.Port;
import dev.nereid.engine.ensemble.Scope.Value;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** One request to a step. What it hears goes to its run, which does the work. */
final class StepRun implements ResponseListener, Runnable {
    private final EnsembleRun run;
    final EnsemblePlan.Step step;
    final Scope scope;
    /** What it uses until it has ended. */
    final List<SharedResponse> sources = new ArrayList<>(2);
    /** Null until it is submitted. Read by other threads that answer for it only. */
    @Nullable
    ActiveRequest request;
    /** Whether it waits for room behind a decoupled step. */
    boolean isHoldingUp;
    /** Whether who answers for it is held up while its answers wait for room. */
    boolean isThrottled;
    private @Nullable Response response;
    private @Nullable InferenceException error;

    StepRun(EnsembleRun run, EnsemblePlan.Step step, Scope scope) {
        this.run = run;
        this.step = step;
        this.scope = scope;
    }

    /** Returns what the step's model is asked, on behalf of the ensemble's request. */
    RequestData data(ActiveRequest client, SequenceOfRun sequence, ModelConfig model) {
        List<InputData> inputs = new ArrayList<>(step.inputs().size());
        for (Port port : step.inputs()) {
            Value value = scope.find(port.tensor());
            if (value != null && value.tensor != null) {
                Tensor tensor = value.tensor;
                Dims dims = model.input(port.name()).map(ModelInput::dims).orElse(Dims.of());
                inputs.add(new InputData(port.name(), Optional.of(tensor.dataType()),
                        value.shapeFor(model.isBatching(), dims).toArray(), tensor.data()));
            }
        }
        return new RequestData(client.id(), client.parameters(), sequence.id(), sequence.isStart(), sequence.isEnd(),
                client.priority(), client.timeoutMicros(), inputs, step.outputNames(), false);
    }

    /** Says that the step's limit has room. */
    void mayStart() {
        run.post(() -> run.submit(this));
    }

    @Override
    public void response(Response answer, boolean isLast) {
        if (step.isDecoupled()) {
            run.answered(this, answer);
        } else if (response == null) {
            // Passed on with the end, which follows.
            response = answer;
        } else {
            answer.close();
            error = InferenceException.internal("expected a single response of model '" + step.model() + "'");
        }
    }

    @Override
    public void end(@Nullable InferenceException failure) {
        error = failure == null ? error : failure;
        run.post(this);
    }

    @Override
    public void run() {
        run.ended(this, response, error);
    }
}
