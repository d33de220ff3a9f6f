package dev.nereid.isolation.child;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.plugin.Backends;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.region.SharedRegion;
import dev.nereid.isolation.wire.Bootstrap;
import dev.nereid.isolation.wire.Connection;
import dev.nereid.isolation.wire.Control;
import dev.nereid.isolation.wire.ControlLink;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Does what the server asks for over the control connection. Threads: one for each question, one for all events. */
final class WorkerService implements ControlLink.Handler {
    /** So long the last answer may take to leave. */
    private static final long GOODBYE_MILLIS = 500;

    private final Bootstrap bootstrap;
    private final SharedRegion region;
    private final Blocks outputs;
    private final Backends backends;
    private final CountDownLatch connected = new CountDownLatch(1);
    private final Map<Integer, WorkerSeat> seats = new ConcurrentHashMap<>();
    private final Map<Integer, WorkerInstance> instances = new ConcurrentHashMap<>();
    private volatile WorkerLink link = WorkerLink.NONE;

    WorkerService(Bootstrap bootstrap, SharedRegion region) {
        this.bootstrap = bootstrap;
        this.region = region;
        this.outputs = new Blocks(region.outputs(), bootstrap.outputLimit());
        this.backends = new Backends(bootstrap.backendDirectories().stream().map(Path::of).toList(),
                bootstrap.settings());
    }

    /** Begins to answer. */
    void serve(ControlLink control) {
        link = new WorkerLink(control, region, outputs);
        connected.countDown();
    }

    private WorkerLink link() {
        try {
            connected.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return link;
    }

    @Override
    public Control.Reply answer(Control.Question question) {
        WorkerLink server = link();
        return switch (question) {
            case Control.StartBackend start -> {
                WorkerSeat seat = WorkerSeat.start(start, backends, server);
                seats.put(start.seat(), seat);
                yield new Control.Started(seat.attributes());
            }
            case Control.Load load -> seat(load.seat()).load(load);
            case Control.HasStrategy asked -> new Control.Truth(seat(asked.seat()).hasStrategy());
            case Control.UsedMemory asked -> new Control.Memory(seat(asked.seat()).memoryUsage());
            case Control.IsReady asked -> {
                WorkerInstance instance = instances.get(asked.instance());
                yield new Control.Truth(instance != null && instance.isReady());
            }
            case Control.AllMetrics _ -> new Control.MetricValues(backends.metrics().families());
            case Control.CloseModel close -> {
                seat(close.seat()).closeModel();
                yield new Control.Ok();
            }
            case Control.EndSeat end -> {
                WorkerSeat ended = seats.remove(end.seat());
                if (ended != null) {
                    ended.end();
                }
                yield new Control.Ok();
            }
            case Control.OpenLane open -> {
                openLane(open, server);
                yield new Control.Ok();
            }
            case Control.Exit _ -> {
                backends.close();
                endSoon();
                yield new Control.Ok();
            }
            case Control.ExecuteAgain _ -> throw InferenceException.internal("a worker is not asked for that");
        };
    }

    private WorkerSeat seat(int number) {
        WorkerSeat seat = seats.get(number);
        if (seat == null) {
            throw InferenceException.internal("there is no model " + number + " in this process");
        }
        return seat;
    }

    private void openLane(Control.OpenLane open, WorkerLink server) {
        try {
            Connection connection = WorkerMain.connect(bootstrap, open.lane());
            WorkerLane lane = new WorkerLane(connection, seats, instances, server);
            Thread.ofPlatform().name(open.name()).daemon(true).start(lane::run);
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INTERNAL, "the server can't be connected to: " + e.getMessage(), e);
        }
    }

    /** The server closes the connection when it has the answer, and that ends the process; if not, this does. */
    private static void endSoon() {
        Thread.ofPlatform().name("nereid-end").daemon(true).start(() -> {
            try {
                TimeUnit.MILLISECONDS.sleep(GOODBYE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            Runtime.getRuntime().halt(0);
        });
    }

    @Override
    public void take(Control.Event event) {
        switch (event) {
            case Control.ReleaseOutputs released -> released.offsets().forEach(outputs::free);
            case Control.CallResult result -> link().calls().result(result);
            case Control.CallEnd end -> link().calls().end(end);
            case Control.RequestEvent _,Control.ReleaseResults _,Control.Call _,Control.CallTaken _ ->
                throw InferenceException.internal("a worker is not told of that");
        }
    }

    @Override
    public void gone(boolean isBroken) {
        // Without the server there is nothing to be done, and whatever still runs may never end.
        Runtime.getRuntime().halt(0);
    }
}
