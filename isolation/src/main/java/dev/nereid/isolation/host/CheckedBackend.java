package dev.nereid.isolation.host;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.plugin.BackendHost.Guest;
import dev.nereid.isolation.settings.WorkerSettings;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;

/** A backend in this process whose models a process of their own loads first, so that a file that ends it ends only that. */
final class CheckedBackend implements Backend {
    private static final Logger LOGGER = System.getLogger(CheckedBackend.class.getName());

    private final Backend backend;
    private final Guest guest;
    private final WorkerSettings settings;
    private final WorkerLauncher launcher;

    CheckedBackend(Backend backend, Guest guest, WorkerSettings settings, WorkerLauncher launcher) {
        this.backend = backend;
        this.guest = guest;
        this.settings = settings;
        this.launcher = launcher;
    }

    @Override
    public BackendAttributes attributes() {
        return backend.attributes();
    }

    @Override
    public Model createModel(ModelContext context) {
        try {
            tryOut(context);
        } catch (InferenceException e) {
            throw new InferenceException(e.code(), "the process that tried to load it first (load-check): "
                    + e.getMessage(), e);
        }
        return backend.createModel(context);
    }

    /** Loads the model in a process, with an instance of each group, and ends it. */
    private void tryOut(ModelContext context) {
        long start = System.nanoTime();
        Worker worker = new Worker(Seat.who(guest), settings, launcher, () -> {
        });
        try (RemoteBackend remote = worker.admit(guest).orElseThrow();
                Model model = remote.createModel(context)) {
            for (InstanceGroup group : context.config().instanceGroups()) {
                try (ModelInstance instance = model.createInstance(new TrialInstance(group, context.config()))) {
                    LOGGER.log(Level.DEBUG, () -> "tried out " + instance);
                }
            }
        }
        LOGGER.log(Level.INFO, () -> Seat.who(guest) + " was tried out in a process in "
                + (System.nanoTime() - start) / 1_000_000 + " ms");
    }

    @Override
    public void close() {
        backend.close();
    }

    private record TrialInstance(InstanceGroup group, ModelConfig config) implements InstanceContext {
        @Override
        public String name() {
            return group.name() + "_trial";
        }

        @Override
        public InstanceGroup.Kind kind() {
            return group.kind() == InstanceGroup.Kind.AUTO ? InstanceGroup.Kind.CPU : group.kind();
        }

        @Override
        public int deviceId() {
            return group.gpus().isEmpty() ? 0 : group.gpus().getFirst();
        }
    }
}
