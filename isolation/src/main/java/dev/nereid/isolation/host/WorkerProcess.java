package dev.nereid.isolation.host;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.stats.MetricFamily;
import dev.nereid.isolation.host.RemoteRequest.InputBlock;
import dev.nereid.isolation.memory.MemoryLimit;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.region.SharedRegion;
import dev.nereid.isolation.wire.Connection;
import dev.nereid.isolation.wire.Control;
import dev.nereid.isolation.wire.ControlLink;
import dev.nereid.isolation.wire.Hello;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A worker process, from its start to its end. What comes after it is another one.
 *
 * <p>Threads: any. One reads its control connection and takes what happens to requests that are answered later; the threads
 * of instances wait on lanes of their own.
 */
final class WorkerProcess {
    private static final Logger LOGGER = System.getLogger(WorkerProcess.class.getName());
    /** Why a process is ended that does not keep to what was agreed. */
    static final String BROKEN = "was ended, because it sent what can't be used";
    /** How long the status of a process is waited for whose connection is closed. */
    private static final Duration STATUS_LIMIT = Duration.ofSeconds(2);
    private static final Duration LANE_LIMIT = Duration.ofSeconds(30);
    private static final Duration METRICS_LIMIT = Duration.ofMillis(500);

    private final String who;
    private final Process process;
    private final String token;
    private final SharedRegion region;
    private final Blocks inputs;
    private final Reception reception;
    private final Path report;
    private final Optional<MemoryLimit> memoryLimit;
    private final Map<Long, RemoteRequest> requests = new ConcurrentHashMap<>();
    private final AtomicLong lastRequest = new AtomicLong();
    /** Those that requests had; guards itself and the next field. */
    private final ArrayDeque<Integer> freeFlags = new ArrayDeque<>();
    /** Those from here on had none yet. */
    private int usedFlags;
    private final Set<LaneConnection> lanes = ConcurrentHashMap.newKeySet();
    private final CallService calls = new CallService(this);
    private final CompletableFuture<Ending> ending = new CompletableFuture<>();
    private volatile @Nullable ControlLink link;
    private volatile long lastProgress;
    private volatile Optional<String> endedFor = Optional.empty();
    private volatile boolean isGone;
    private volatile boolean isAskedToEnd;
    /** How many use the region; guarded by this. */
    private int users = 1;

    /** What it needs to begin with. */
    record Parts(String who, Process process, String token, SharedRegion region, Blocks inputs, Reception reception,
            Path report, Optional<MemoryLimit> memoryLimit) {
    }

    WorkerProcess(Parts parts) {
        this.who = parts.who();
        this.process = parts.process();
        this.token = parts.token();
        this.region = parts.region();
        this.inputs = parts.inputs();
        this.reception = parts.reception();
        this.report = parts.report();
        this.memoryLimit = parts.memoryLimit();
    }

    /** Takes the control connection, over which everything else begins; {@code onEnd} is called when the process has ended. */
    void connected(Connection connection, Runnable onEnd) {
        link = ControlLink.start(connection, "nereid-worker-" + process.pid(), new ControlLink.Handler() {
            @Override
            public Control.Reply answer(Control.Question question) {
                return answerQuestion(question);
            }

            @Override
            public void take(Control.Event event) {
                lastProgress = System.nanoTime();
                takeEvent(event);
            }

            @Override
            public void gone(boolean isBroken) {
                try {
                    if (isBroken) {
                        end(BROKEN);
                    }
                    failRequests();
                } finally {
                    ended(onEnd);
                }
            }
        });
    }

    private void ended(Runnable onEnd) {
        try {
            onEnd.run();
        } finally {
            leave();
        }
    }

    /** Returns the names of the model and of the process, as log lines begin with. */
    String who() {
        return who;
    }

    long pid() {
        return process.pid();
    }

    Blocks inputs() {
        return inputs;
    }

    SharedRegion region() {
        return region;
    }

    ControlLink link() {
        ControlLink started = link;
        if (started == null) {
            throw new IllegalStateException("the process is not connected yet");
        }
        return started;
    }

    /** Returns whether the process has ended, or is about to. */
    boolean isGone() {
        return isGone;
    }

    /** Returns how it has ended, for which it waits where its connection is closed and it still runs. */
    Ending ending() {
        isGone = true;
        if (!ending.isDone()) {
            int status;
            try {
                if (!process.waitFor(STATUS_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
                    end("closed its connection, and was ended");
                }
                status = process.waitFor();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return new Ending("is ending", Optional.empty());
            }
            Ending seen = Ending.of(status, report);
            boolean ignored = ending.complete(endedFor.or(() -> memoryLimit.flatMap(MemoryLimit::kill))
                    .map(reason -> new Ending(reason, seen.report())).orElse(seen));
            memoryLimit.ifPresent(MemoryLimit::close);
        }
        return ending.join();
    }

    /** Returns how it has ended, as far as that is known by now; for a process that is gone. Does not wait. */
    String knownEnding() {
        return ending.isDone() ? ending.join().text() : endedFor.orElse("has ended");
    }

    /** Returns the error of requests that the process had when it ended, which it has, or is about to. */
    InferenceException loss() {
        return InferenceException.unavailable(who + ": its process " + ending().text());
    }

    /** Kills the process. */
    void end(String reason) {
        if (endedFor.isEmpty()) {
            endedFor = Optional.of(reason);
        }
        process.destroyForcibly();
    }

    /** Has the process close everything and end; kills it where that takes too long. */
    void close(Duration limit) {
        isAskedToEnd = true;
        try {
            if (!isGone) {
                Control.Ok _ = link().ask(new Control.Exit(), Control.Ok.class, limit);
                // Which the process ends with.
                link().close();
            }
        } catch (InferenceException e) {
            LOGGER.log(Level.WARNING, () -> who + ": did not end when it was asked to (" + e.getMessage()
                    + ") and is killed");
            end("was ended");
        }
        Ending ended = ending();
        LOGGER.log(Level.DEBUG, () -> who + ": " + ended.text());
    }

    /** Returns whether the server wants it to end. */
    boolean isAskedToEnd() {
        return isAskedToEnd;
    }

    /** Keeps the shared memory. Returns false where the process has ended. */
    synchronized boolean enter() {
        if (users == 0 || isGone) {
            return false;
        }
        users++;
        return true;
    }

    /** Lets go of the shared memory, which the last one closes. */
    void leave() {
        synchronized (this) {
            users--;
            if (users > 0) {
                return;
            }
        }
        region.close();
    }

    /** Opens a lane, whose thread in the process has that name. */
    LaneConnection openLane(int number, String name) {
        Hello hello = new Hello(token, number);
        CompletableFuture<Connection> connection = reception.expect(hello);
        try {
            Control.Ok _ = link().ask(new Control.OpenLane(number, name), Control.Ok.class, LANE_LIMIT);
            LaneConnection lane = new LaneConnection(this,
                    connection.get(LANE_LIMIT.toMillis(), TimeUnit.MILLISECONDS));
            lanes.add(lane);
            return lane;
        } catch (InferenceException e) {
            // Nobody is there to answer, which does not say why.
            throw e.getCause() instanceof CancellationException ? loss() : e;
        } catch (ExecutionException | TimeoutException e) {
            throw new InferenceException(StatusCode.UNAVAILABLE, who + " did not connect", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InferenceException(StatusCode.UNAVAILABLE, "the wait for " + who + " was interrupted", e);
        } finally {
            reception.forget(hello);
        }
    }

    void closeLane(LaneConnection lane) {
        lanes.remove(lane);
        lane.close();
    }

    /** Notes that a request goes to the process. */
    RemoteRequest register(InferenceRequest request, InputBlock block) {
        int flag = takeFlag();
        region.cancelled(flag, request.isCancelled());
        RemoteRequest remote = new RemoteRequest(lastRequest.incrementAndGet(), flag, request, block,
                region.outputs());
        requests.put(remote.number(), remote);
        return remote;
    }

    private int takeFlag() {
        synchronized (freeFlags) {
            if (!freeFlags.isEmpty()) {
                return freeFlags.pop();
            }
            if (usedFlags < SharedRegion.FLAGS) {
                return usedFlags++;
            }
        }
        throw InferenceException.unavailable(who + " has " + SharedRegion.FLAGS
                + " unanswered requests, the most that a process may have");
    }

    /** Notes that nothing more comes of a request. */
    void forget(RemoteRequest remote) {
        if (requests.remove(remote.number()) != null) {
            synchronized (freeFlags) {
                freeFlags.push(remote.flag());
            }
            remote.inputs().release();
        }
    }

    Optional<RemoteRequest> request(long number) {
        return Optional.ofNullable(requests.get(number));
    }

    private Control.Reply answerQuestion(Control.Question question) {
        if (question instanceof Control.ExecuteAgain again) {
            if (!enter()) {
                throw loss();
            }
            try {
                executeAgain(again);
            } finally {
                leave();
            }
            return new Control.Ok();
        }
        throw InferenceException.internal("a server is not asked for " + question.getClass().getSimpleName());
    }

    private void executeAgain(Control.ExecuteAgain again) {
        RemoteRequest remote = requests.get(again.request());
        if (remote == null) {
            throw InferenceException.invalid("the request is already answered");
        }
        if (remote.again(again.unsent())) {
            forget(remote);
        }
    }

    private void takeEvent(Control.Event event) {
        switch (event) {
            case Control.RequestEvent ofRequest -> {
                RemoteRequest remote = requests.get(ofRequest.request());
                if (remote != null && remote.take(ofRequest)) {
                    forget(remote);
                }
                List<Long> read = RemoteRequest.offsets(ofRequest);
                if (!read.isEmpty()) {
                    link().tell(new Control.ReleaseOutputs(read));
                }
            }
            case Control.Call call -> calls.begin(call);
            case Control.CallTaken taken -> calls.taken(taken);
            case Control.ReleaseResults released -> released.offsets().forEach(inputs::free);
            case Control.ReleaseOutputs _,Control.CallResult _,Control.CallEnd _ ->
                throw InferenceException.internal("a server is not told of " + event.getClass().getSimpleName());
        }
    }

    CallService calls() {
        return calls;
    }

    /** Fails the requests that no thread of an instance waits for. */
    private void failRequests() {
        InferenceException loss = loss();
        requests.values().forEach(remote -> {
            if (remote.lost(loss)) {
                forget(remote);
            }
        });
        calls.endAll();
    }

    /** Returns whether a request is in the process. */
    boolean isBusy() {
        return !requests.isEmpty();
    }

    /** Tells the process which requests are cancelled, and ends it where it makes no progress. */
    void look(long now) {
        if (!enter()) {
            return;
        }
        try {
            requests.values().forEach(remote -> {
                if (remote.request().isCancelled()) {
                    region.cancelled(remote.flag(), true);
                }
            });
        } finally {
            leave();
        }
        for (LaneConnection lane : lanes) {
            lane.passed(now, lastProgress).ifPresent(limit -> end("was ended, because it made no progress for "
                    + limit.toSeconds() + " s"));
        }
    }

    /** Ends the process where it occupies more memory than it may, and the system does not see to that. */
    void lookAtMemory() {
        memoryLimit.flatMap(limit -> limit.passed(residentBytes())).ifPresent(this::end);
    }

    /** Returns how much memory the process occupies, with what it shares; 0 where that is not known. */
    long residentBytes() {
        return ResidentMemory.of(process.pid());
    }

    /** Returns the metrics of what runs in the process; none where it does not answer. */
    List<MetricFamily> metrics() {
        if (isGone || link == null) {
            return List.of();
        }
        try {
            return link().ask(new Control.AllMetrics(), Control.MetricValues.class, METRICS_LIMIT).families();
        } catch (InferenceException e) {
            LOGGER.log(Level.DEBUG, () -> who + ": its metrics can't be had: " + e.getMessage());
            return List.of();
        }
    }
}
