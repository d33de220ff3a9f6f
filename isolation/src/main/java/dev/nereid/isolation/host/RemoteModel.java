package dev.nereid.isolation.host;

import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.isolation.wire.Control;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Stands for a model in a worker process. */
final class RemoteModel implements Model {
    private static final Logger LOGGER = System.getLogger(RemoteModel.class.getName());
    private static final Duration MEMORY_LIMIT = Duration.ofSeconds(1);

    private final Seat seat;
    private final Optional<ModelConfig> completed;

    /**
     * Creates it.
     *
     * @param completed the configuration as the backend completed it
     */
    RemoteModel(Seat seat, Optional<ModelConfig> completed) {
        this.seat = seat;
        this.completed = completed;
    }

    @Override
    public Optional<ModelConfig> completedConfig() {
        return completed;
    }

    @Override
    public Optional<BatchingStrategy> batchingStrategy() {
        if (seat.ask(new Control.HasStrategy(seat.number()), Control.Truth.class).value()) {
            throw InferenceException.unsupported(seat.who() + " decides itself which requests share a batch, which "
                    + "can't be asked across processes; load it with parameter ISOLATION 'none'");
        }
        return Optional.empty();
    }

    @Override
    public ModelInstance createInstance(InstanceContext context) {
        return seat.createInstance(context);
    }

    @Override
    public List<MemoryUsage> memoryUsage() {
        try {
            return seat.process().link().ask(new Control.UsedMemory(seat.number()), Control.Memory.class, MEMORY_LIMIT)
                    .usages();
        } catch (InferenceException e) {
            LOGGER.log(Level.DEBUG, () -> seat.who() + ": its memory is not known: " + e.getMessage());
            return List.of();
        }
    }

    @Override
    public void close() {
        seat.closeModel();
    }
}
