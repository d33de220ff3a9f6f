package dev.nereid.engine.ensemble;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.request.ActiveRequest;
import java.util.ArrayList;
import java.util.List;
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
