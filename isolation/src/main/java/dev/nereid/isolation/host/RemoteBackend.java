package dev.nereid.isolation.host;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.engine.plugin.HostedBackend;
import java.util.Optional;

/** Stands for a backend in a worker process, for one model version. */
final class RemoteBackend implements HostedBackend {
    private final Seat seat;
    private final BackendAttributes attributes;

    RemoteBackend(Seat seat, BackendAttributes attributes) {
        this.seat = seat;
        // A thread that waits for a worker may not be interrupted, as those of connections are.
        this.attributes = attributes
                .withThreadConfinement(BackendAttributes.ThreadConfinement.OWN_THREAD);
    }

    @Override
    public BackendAttributes attributes() {
        return attributes;
    }

    @Override
    public Model createModel(ModelContext context) {
        return seat.load(context);
    }

    @Override
    public Optional<String> outage() {
        return seat.outage();
    }

    @Override
    public void close() {
        seat.close();
    }
}
