package dev.nereid.isolation.host;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ExecutionPolicy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.engine.plugin.BackendHost.Guest;
import dev.nereid.isolation.wire.Control;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The place of one model version in a worker: its backend, its model and its instances there, and all that it takes to
 * create them again in the next process. Threads: any; the monitor guards the lists and is held for moments only.
 */
final class Seat {
    private static final Logger LOGGER = System.getLogger(Seat.class.getName());
    /** Loading may take as long as it does in the server's own process. */
    private static final Duration NO_LIMIT = Duration.ofDays(365);
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(30);

    private final Worker worker;
    private final Guest guest;
    private final int number;
    private final Optional<Duration> hangLimit;
    @GuardedBy("this")
    private final List<RemoteInstance> instances = new ArrayList<>();
    @GuardedBy("this")
    private final Map<Thread, RemoteLane> lanes = new HashMap<>();
    private volatile BackendAttributes attributes = BackendAttributes.DEFAULT;
    private volatile @Nullable ModelContext model;
    private volatile boolean isLeft;
    private volatile Optional<ModelConfig> completed = Optional.empty();

    Seat(Worker worker, Guest guest, int number, Optional<Duration> hangLimit) {
        this.worker = worker;
        this.guest = guest;
        this.number = number;
        this.hangLimit = hangLimit;
    }

    int number() {
        return number;
    }

    /** Returns the model's name and version, as messages begin with. */
    String who() {
        return who(guest);
    }

    static String who(Guest guest) {
        return "model '" + guest.id() + "' version " + guest.version();
    }

    Guest guest() {
        return guest;
    }

    Optional<Duration> hangLimit() {
        return hangLimit;
    }

    int nextInstance() {
        return worker.nextNumber();
    }

    /** Returns the outputs and states that requests may ask for. */
    static List<String> outputNames(ModelConfig config) {
        Stream<String> states = config.scheduling() instanceof SequenceBatching batching
                ? batching.states().stream().map(state -> state.outputName())
                : Stream.empty();
        return Stream.concat(config.outputs().stream().map(output -> output.name()), states).distinct().toList();
    }

    /** Returns the process that the model is in now. */
    WorkerProcess process() {
        return worker.process();
    }

    /** Returns why the model can't answer now. */
    Optional<String> outage() {
        return worker.outage().map(reason -> who() + ": " + reason);
    }

    /** Returns the error of a request that can't be executed now. */
    InferenceException unavailable() {
        return InferenceException.unavailable(outage().orElse(who() + ": its process has ended"));
    }

    /** Asks the process something that may take long, during which it is killed where it makes no progress. */
    <R extends Control.Reply> R ask(Control.Question question, Class<R> expected) {
        return ask(process(), question, expected, hangLimit.orElse(NO_LIMIT));
    }

    private <R extends Control.Reply> R ask(WorkerProcess process, Control.Question question, Class<R> expected,
            Duration limit) {
        try {
            return process.link().ask(question, expected, limit);
        } catch (InferenceException e) {
            if (e.getCause() instanceof java.util.concurrent.TimeoutException) {
                process.end("was ended, because it made no progress for " + limit.toSeconds() + " s");
            }
            if (e.getCause() == null || e.getCause() instanceof InterruptedException) {
                throw e;
            }
            throw process.loss();
        }
    }

    /** Starts the backend in a process. */
    BackendAttributes startBackend(WorkerProcess process) {
        Control.Started started = ask(process, new Control.StartBackend(number, guest.backend(),
                guest.jar().map(jar -> jar.toAbsolutePath().toString()), guest.model(), guest.labels()),
                Control.Started.class, hangLimit.orElse(NO_LIMIT));
        attributes = started.attributes();
        return attributes;
    }

    /** Loads the model. */
    RemoteModel load(ModelContext context) {
        WorkerProcess process = process();
        completed = load(process, context);
        model = context;
        return new RemoteModel(this, completed);
    }

    private Optional<ModelConfig> load(WorkerProcess process, ModelContext context) {
        process.calls().seat(number, context.models());
        return ask(process, new Control.Load(number, context.name(), context.version(),
                context.modelDirectory().toAbsolutePath().toString(),
                context.versionDirectory().toAbsolutePath().toString(), context.config(), context.autoComplete()),
                Control.Loaded.class, hangLimit.orElse(NO_LIMIT)).completed();
    }

    /** Creates an instance; called on the thread that will drive it. */
    ModelInstance createInstance(InstanceContext context) {
        RemoteLane lane = lane(context);
        RemoteInstance instance = new RemoteInstance(this, context, lane);
        synchronized (this) {
            instances.add(instance);
        }
        try {
            instance.createIn(process());
        } catch (RuntimeException | Error e) {
            removed(instance);
            lane.leave();
            throw e;
        }
        return instance;
    }

    /** Returns the lane of a new instance: one of its own, or that of the others that are driven by the same thread. */
    private synchronized RemoteLane lane(InstanceContext context) {
        lanes.values().removeIf(lane -> !lane.isUsed());
        boolean isShared = context.kind() == InstanceGroup.Kind.GPU
                && attributes.executionPolicy() == ExecutionPolicy.DEVICE_BLOCKING;
        RemoteLane lane = isShared
                ? lanes.computeIfAbsent(Thread.currentThread(), ignored -> new RemoteLane(this, context.name()))
                : new RemoteLane(this, context.name());
        lane.enter();
        return lane;
    }

    /** Notes that an instance is being closed. */
    synchronized void removed(RemoteInstance instance) {
        instances.remove(instance);
    }

    /** Returns whether there is something to be created again after the process has ended. */
    synchronized boolean isRestorable() {
        return instances.stream().anyMatch(RemoteInstance::wasCreated);
    }

    /** Returns whether the model is loaded, so that it is to be loaded again. */
    boolean isLoaded() {
        return model != null;
    }

    /**
     * Creates everything in a process in which the backend has started.
     *
     * @throws InferenceException when something can't be created, or the process ends
     */
    void restore(WorkerProcess process) {
        ModelContext context = model;
        if (context == null) {
            return;
        }
        Optional<ModelConfig> now = load(process, context);
        if (!now.equals(completed)) {
            throw InferenceException
                    .invalid("the model's files describe other inputs or outputs than those that it was "
                            + "loaded with; load it again");
        }
        List<RemoteInstance> all;
        synchronized (this) {
            all = List.copyOf(instances);
        }
        for (RemoteInstance instance : all) {
            instance.createIn(process);
        }
    }

    /** Closes the model; its instances are closed before. */
    void closeModel() {
        model = null;
        tellToClose(new Control.CloseModel(number));
    }

    /** Gives the seat up; with its last seat the worker ends. */
    void close() {
        isLeft = true;
        try {
            tellToClose(new Control.EndSeat(number));
        } finally {
            worker.leave(this);
        }
    }

    /** Ends it in a process that works from now on, where it was given up while that was being prepared. */
    void endIfLeft(WorkerProcess process) {
        if (isLeft) {
            tellToClose(process, new Control.EndSeat(number));
        }
    }

    private void tellToClose(Control.Question question) {
        worker.working().ifPresent(process -> tellToClose(process, question));
    }

    private void tellToClose(WorkerProcess process, Control.Question question) {
        try {
            Control.Ok _ = ask(process, question, Control.Ok.class, hangLimit.orElse(CLOSE_LIMIT));
        } catch (InferenceException e) {
            LOGGER.log(Level.WARNING, () -> who() + " failed to close: " + e.getMessage());
        }
    }
}
