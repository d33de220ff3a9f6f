package dev.nereid.isolation.child;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.isolation.wire.Connection;
import dev.nereid.isolation.wire.Failure;
import dev.nereid.isolation.wire.FrameOutput;
import dev.nereid.isolation.wire.Lane;
import dev.nereid.isolation.wire.RecordCodec;
import dev.nereid.isolation.wire.WireException;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The thread that creates, executes and closes instances, as the server tells it over a connection of its own. */
final class WorkerLane {
    private static final Logger LOGGER = System.getLogger(WorkerLane.class.getName());

    private final Connection connection;
    private final Map<Integer, WorkerSeat> seats;
    private final Map<Integer, WorkerInstance> instances;
    private final WorkerLink link;
    private final FrameOutput frame = new FrameOutput();
    /** Where the outputs of the last batch lie, until the server has read them. */
    private List<Long> sent = List.of();
    private String lastFailure = "";

    WorkerLane(Connection connection, Map<Integer, WorkerSeat> seats, Map<Integer, WorkerInstance> instances,
            WorkerLink link) {
        this.connection = connection;
        this.seats = seats;
        this.instances = instances;
        this.link = link;
    }

    /** Runs until the server closes the connection. */
    void run() {
        try {
            while (true) {
                Lane.ToWorker message = RecordCodec.read(Lane.ToWorker.class, connection.receive());
                // Whoever asks for the next thing has read what came of the last.
                sent.forEach(link::free);
                sent = List.of();
                Lane.ToServer answer = switch (message) {
                    case Lane.Create create -> done(() -> create(create));
                    case Lane.Execute execute -> execute(execute);
                    case Lane.Close close -> done(() -> close(close));
                };
                // A backend may have left it; a thread that is interrupted closes its socket.
                boolean ignored = Thread.interrupted();
                frame.clear();
                RecordCodec.write(Lane.ToServer.class, answer, frame);
                connection.send(frame);
            }
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> "a lane ends: " + e);
        } catch (WireException e) {
            LOGGER.log(Level.ERROR, "a lane brought what can't be used", e);
        } finally {
            connection.close();
        }
    }

    private static Lane.Done done(Runnable task) {
        try {
            task.run();
            return new Lane.Done(Optional.empty());
        } catch (InferenceException e) {
            return new Lane.Done(Optional.of(Failure.of(e)));
        } catch (Throwable e) {
            // Around a call into a plugin.
            LOGGER.log(Level.ERROR, "a lane failed", e);
            return new Lane.Done(Optional.of(new Failure(StatusCode.INTERNAL, String.valueOf(e.getMessage()))));
        }
    }

    private void create(Lane.Create create) {
        WorkerSeat seat = seats.get(create.seat());
        if (seat == null) {
            throw InferenceException.internal("there is no model " + create.seat() + " in this process");
        }
        Thread.currentThread().setContextClassLoader(seat.classLoader());
        instances.put(create.instance(), new WorkerInstance(seat, create, seat.createInstance(create)));
    }

    private void close(Lane.Close close) {
        WorkerInstance instance = instances.remove(close.instance());
        if (instance != null) {
            instance.close();
        }
    }

    private Lane.Executed execute(Lane.Execute execute) {
        WorkerInstance instance = instances.get(execute.instance());
        if (instance == null) {
            throw new WireException("there is no instance " + execute.instance() + " in this process");
        }
        List<WorkerRequest> requests = new ArrayList<>(execute.requests().size());
        for (Lane.RequestData data : execute.requests()) {
            requests.add(new WorkerRequest(data, instance.created().config(), link));
        }
        Optional<Failure> failure = Optional.empty();
        try {
            instance.instance().execute(new WorkerBatch(requests));
        } catch (InferenceException e) {
            failure = Optional.of(Failure.of(e));
        } catch (Throwable e) {
            // Around a call into a plugin.
            String brief = e.toString();
            LOGGER.log(brief.equals(lastFailure) ? Level.DEBUG : Level.ERROR, "model '"
                    + instance.created().config().name() + "', instance '" + instance.created().name()
                    + "': execution failed", e);
            lastFailure = brief;
            failure = Optional.of(new Failure(StatusCode.INTERNAL, "model '" + instance.created().config().name()
                    + "' failed to execute the request; the server's log has the details"));
        }
        List<Long> places = new ArrayList<>();
        List<Lane.Outcome> outcomes = new ArrayList<>(requests.size());
        for (WorkerRequest request : requests) {
            outcomes.add(request.executed(places));
        }
        sent = places;
        return new Lane.Executed(outcomes, failure);
    }
}
