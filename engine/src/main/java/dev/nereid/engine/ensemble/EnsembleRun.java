package dev.nereid.engine.ensemble;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.Response;
import dev.nereid.engine.ensemble.EnsemblePlan.Output;
import dev.nereid.engine.ensemble.EnsemblePlan.Port;
import dev.nereid.engine.ensemble.EnsemblePlan.Selection;
import dev.nereid.engine.ensemble.EnsemblePlan.Step;
import dev.nereid.engine.ensemble.Scope.Value;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.WaitingListener;
import dev.nereid.engine.stats.BatchTimes;
import dev.nereid.engine.stats.FailureReason;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One request on its way through the steps of an ensemble.
 *
 * <p>Threads: steps answer on any thread. What happens is put into a mailbox, and whoever finds it empty works it off, so
 * that everything here but {@link #post} is done by one thread at a time, without a lock; a step that answers while it is
 * being submitted waits in the mailbox, so that long chains don't recurse.
 */
final class EnsembleRun {
    private static final Logger LOGGER = System.getLogger(EnsembleRun.class.getName());

    private final EnsembleScheduler scheduler;
    private final EnsemblePlan plan;
    private final Selection selection;
    private final ActiveRequest request;
    private final long startNanos;
    private final Scope root;
    private final Queue<Runnable> mailbox = new ConcurrentLinkedQueue<>();
    private final AtomicInteger mail = new AtomicInteger();

    private final @Nullable Member[] members;
    private final List<StepRun> running = new ArrayList<>();
    private final SequenceOfRun sequence;
    private final Throttle throttle;
    private final EnsembleAnswers answers;
    private @Nullable StepRun borrower;
    /** Steps that are still to read what the client has sent. */
    private int inputReaders;
    private long inputNanos;
    private long inferNanos;
    private long outputNanos;
    private @Nullable InferenceException failure;
    private boolean isCancelled;
    private boolean isOver;

    EnsembleRun(EnsembleScheduler scheduler, EnsemblePlan plan, ActiveRequest request, long startNanos) {
        this.scheduler = scheduler;
        this.plan = plan;
        this.request = request;
        this.startNanos = startNanos;
        this.selection = selection(plan, request);
        this.inputReaders = selection.inputReaders();
        this.root = new Scope(EnsemblePlan.REQUEST, null, plan);
        this.members = new Member[plan.steps().size()];
        this.sequence = new SequenceOfRun(request);
        this.throttle = new Throttle(scheduler.clock());
        this.answers = new EnsembleAnswers(plan, selection, request, sequence, root, scheduler.isBatching());
    }

    private static Selection selection(EnsemblePlan plan, ActiveRequest request) {
        List<Output> wanted = plan.outputs();
        for (Output output : plan.outputs()) {
            if (!request.isOutputRequested(output.config().name())) {
                wanted = wanted.stream().filter(each -> request.isOutputRequested(each.config().name())).toList();
                return plan.select(wanted);
            }
        }
        return plan.everything();
    }

    /** Has something done; returns at once where another thread is at work. */
    void post(Runnable work) {
        mailbox.add(work);
        if (mail.getAndIncrement() != 0) {
            return;
        }
        do {
            Runnable next = mailbox.poll();
            if (next != null) {
                process(next);
            }
        } while (mail.decrementAndGet() != 0);
    }

    private void process(Runnable work) {
        try {
            work.run();
        } catch (InferenceException e) {
            fail(e);
        } catch (RuntimeException e) {
            LOGGER.log(Level.ERROR, "ensemble '" + plan.name() + "' failed", e);
            fail(InferenceException.internal("the ensemble failed; the server's log has the details"));
        }
        finishWhereDone();
    }

    void start() {
        for (Step step : plan.steps()) {
            if (selection.isActive()[step.index()]) {
                members[step.index()] = scheduler.members().take(step.model(), step.version());
            }
        }
        boolean isBatching = scheduler.isBatching();
        for (int i = 0; i < plan.inputs().size(); i++) {
            ModelInput input = plan.inputs().get(i);
            root.set(i,
                    new Value(request.input(input.name()).orElse(null), isBatching && !input.isShapeTensor(), null, 0));
        }
        advance(root);
    }

    /** Nobody waits for the answer any more. */
    void cancel() {
        isCancelled = true;
        for (StepRun each : List.copyOf(running)) {
            ActiveRequest submitted = each.request;
            if (submitted != null) {
                submitted.cancel();
            }
        }
        dropWaiting();
    }

    /** Gives up the steps that have no room yet. */
    private void dropWaiting() {
        for (StepRun each : List.copyOf(running)) {
            if (each.request == null && scheduler.limit(each.step).giveUp(each)) {
                running.remove(each);
                noLongerWaits(each);
                releaseSources(each);
            }
        }
    }

    private void noLongerWaits(StepRun each) {
        if (each.isHoldingUp) {
            each.isHoldingUp = false;
            throttle.goesOn();
        }
    }

    private boolean isGivenUp() {
        return failure != null || isCancelled || request.isCancelled();
    }

    /** Starts the steps of a scope, and of those inside, whose inputs are there. */
    private void advance(Scope scope) {
        if (isGivenUp()) {
            return;
        }
        for (Step step : plan.steps()) {
            if (step.origin() == scope.origin && selection.isActive()[step.index()] && hasInputs(scope, step)
                    && scope.start(step.index())) {
                start(new StepRun(this, step, scope));
            }
        }
        for (Scope child : scope.children) {
            advance(child);
        }
    }

    private static boolean hasInputs(Scope scope, Step step) {
        for (int source : step.sources()) {
            if (scope.find(source) == null) {
                return false;
            }
        }
        return true;
    }

    private void start(StepRun each) {
        running.add(each);
        for (int source : each.step.sources()) {
            use(each.scope, source, each.sources);
        }
        if (scheduler.limit(each.step).enter(each)) {
            submit(each);
        } else if (each.scope != root) {
            each.isHoldingUp = true;
            throttle.waits();
        }
    }

    /** Takes a response of a decoupled step, and keeps its thread while responses wait for room in the steps behind. */
    void answered(StepRun each, Response response) {
        if (!each.isThrottled) {
            post(() -> opened(each, response));
            return;
        }
        throttle.waits();
        post(() -> {
            try {
                opened(each, response);
            } finally {
                throttle.goesOn();
            }
        });
        throttle.hold(each.step.model(), () -> isUnwanted(each));
    }

    private static boolean isUnwanted(StepRun each) {
        ActiveRequest asked = each.request;
        return asked != null && asked.isCancelled();
    }

    /**
     * Returns whether a step's thread may be kept: not where the steps behind it might need it to go on. Then what the
     * responses to one request may occupy is the only bound.
     */
    private boolean isThrottled(Step step) {
        if (!step.isDecoupled() || !scheduler.limit(step).isOn()) {
            return false;
        }
        for (Step each : plan.steps()) {
            boolean isBehind = plan.isBehind(each, step);
            boolean isSameModel = isBehind && each.model().equals(step.model());
            boolean isPartOfOthers = (isBehind || each.index() == step.index()) && isEnsemble(each);
            if (isSameModel || isPartOfOthers) {
                return false;
            }
        }
        return true;
    }

    private boolean isEnsemble(Step step) {
        Member member = members[step.index()];
        return member != null && member.config().scheduling() instanceof Scheduling.Ensemble;
    }

    /** Takes one use of a tensor. */
    private static void use(Scope scope, int tensor, List<SharedResponse> sources) {
        Value value = scope.find(tensor);
        if (value != null && value.source != null) {
            if (scope.owns(tensor)) {
                value.uses--;
            } else {
                value.source.retain();
            }
            sources.add(value.source);
        }
    }

    /** Sends a step on its way, which its limit allows. */
    void submit(StepRun each) {
        noLongerWaits(each);
        if (isGivenUp()) {
            release(each);
            return;
        }
        Member member = members[each.step.index()];
        if (member == null) {
            throw new IllegalStateException("step " + each.step.index() + " has no model");
        }
        try {
            each.isThrottled = isThrottled(each.step);
            ActiveRequest admitted = member.admit(each.data(request, sequence, member.config()), each,
                    request::isCancelled, request.trace().child());
            each.request = admitted;
            lend(each, admitted);
            if (isEnsemble(each.step)) {
                admitted.onInputsUsed(() -> post(() -> releaseSources(each)));
            }
            member.submit(admitted);
        } catch (InferenceException e) {
            release(each);
            throw e;
        }
    }

    /** Lends the thread that waits for the ensemble's answer to one step at a time; others run on those of their instances. */
    private void lend(StepRun each, ActiveRequest admitted) {
        WaitingListener waiting = request.lender();
        if (waiting != null && borrower == null) {
            borrower = each;
            admitted.lentBy(waiting);
        }
    }

    /** A decoupled step has sent a response, which opens a scope. */
    private void opened(StepRun each, Response response) {
        if (isOver || isGivenUp()) {
            response.close();
            return;
        }
        change(response);
        Scope child = new Scope(each.step.index(), each.scope, plan);
        set(child, each.step, response);
        each.scope.children.add(child);
        advance(child);
        answer();
    }

    /** A step has ended. */
    void ended(StepRun each, @Nullable Response response, @Nullable InferenceException error) {
        release(each);
        ActiveRequest ended = each.request;
        BatchTimes times = ended == null ? null : ended.times();
        if (times != null) {
            inputNanos += times.inputNanos();
            inferNanos += times.inferNanos();
            outputNanos += times.outputNanos();
        }
        if (error != null || isOver || isGivenUp()) {
            if (response != null) {
                response.close();
            }
            if (error != null) {
                throw error;
            }
            return;
        }
        noteInputsRead(each);
        if (each.step.isDecoupled()) {
            each.scope.hasAllChildren = true;
        } else if (response == null) {
            throw InferenceException.internal("model '" + each.step.model() + "' sent no response");
        } else {
            change(response);
            set(each.scope, each.step, response);
            advance(each.scope);
        }
        answer();
    }

    private void answer() {
        if (!isGivenUp()) {
            noteTimes();
            answers.sendComplete();
        }
    }

    /** The last step that reads what the client has sent ends the use of that. */
    private void noteInputsRead(StepRun each) {
        if (inputReaders > 0 && plan.readsInputs(each.step)) {
            inputReaders--;
            if (inputReaders == 0) {
                request.inputsUsed();
            }
        }
    }

    private void release(StepRun each) {
        running.remove(each);
        if (borrower == each) {
            borrower = null;
        }
        releaseSources(each);
        scheduler.limit(each.step).leave();
    }

    private static void releaseSources(StepRun each) {
        each.sources.forEach(SharedResponse::release);
        each.sources.clear();
    }

    private void change(Response response) {
        try {
            sequence.change(response);
        } catch (InferenceException e) {
            response.close();
            throw e;
        }
    }

    /** Notes the tensors that a step has made. */
    private void set(Scope scope, Step step, Response response) {
        int uses = 0;
        for (Port port : step.outputs()) {
            uses += response.output(port.name()).isPresent() ? uses(port.tensor()) : 0;
        }
        SharedResponse shared = uses == 0 ? null : new SharedResponse(response, uses);
        Member member = members[step.index()];
        boolean isBatching = member != null && member.config().isBatching();
        for (Port port : step.outputs()) {
            if (plan.isInput(port.tensor())) {
                continue;
            }
            Optional<Tensor> output = response.output(port.name());
            scope.set(port.tensor(), output.isPresent()
                    ? new Value(output.get(), isBatching, shared, uses(port.tensor()))
                    : new Value(null, isBatching, null, 0));
        }
        if (shared == null) {
            response.close();
        }
    }

    /** A tensor that scopes inside its own use is kept until its own is left: how many there will be, nobody knows. */
    private int uses(int tensor) {
        return plan.isInput(tensor) ? 0 : selection.uses()[tensor] + (selection.isShared()[tensor] ? 1 : 0);
    }

    private void fail(InferenceException cause) {
        if (failure == null) {
            failure = cause;
            dropWaiting();
        }
    }

    /** Ends the request once nothing of it runs any more. */
    private void finishWhereDone() {
        if (isOver) {
            return;
        }
        if (request.isCancelled() && !isCancelled && !running.isEmpty()) {
            cancel();
        }
        if (!running.isEmpty()) {
            return;
        }
        isOver = true;
        noteTimes();
        InferenceException cause = failure;
        if (root.isAnswered && cause == null) {
            if (plan.isDecoupled() && !request.isAnswered()) {
                request.complete();
            }
        } else if (cause != null) {
            request.fail(
                    new InferenceException(cause.code(), "in ensemble '" + plan.name() + "', " + cause.getMessage(),
                            cause),
                    FailureReason.OTHER);
        } else if (isGivenUp()) {
            request.fail(new InferenceException(StatusCode.CANCELLED, "in ensemble '" + plan.name() + "', "),
                    FailureReason.OTHER);
        } else {
            request.fail(InferenceException.invalid("in ensemble '" + plan.name() + "', " + RequestIds.prefix(request)
                    + "unexpected deadlock, at least one output is not set while no more ensemble steps can be made"),
                    FailureReason.OTHER);
        }
        root.drop();
        for (Member member : members) {
            if (member != null) {
                member.release();
            }
        }
        scheduler.over(this);
    }

    private void noteTimes() {
        request.executedIn(new BatchTimes(startNanos, startNanos + inputNanos, startNanos + inputNanos + inferNanos,
                startNanos + inputNanos + inferNanos + outputNanos));
    }

    ActiveRequest request() {
        return request;
    }
}
