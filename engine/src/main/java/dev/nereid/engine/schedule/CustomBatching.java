package dev.nereid.engine.schedule;

import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.BatchingStrategy.BatchBuilder;
import dev.nereid.engine.request.ActiveRequest;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.function.Predicate;

/**
 * Asks a model's batching strategy. This is the one place where a plugin is called under a lock, that of the scheduler:
 * a batch must be formed before anything else happens to the queue, and the contract tells authors so. The first mistake
 * of a strategy is logged, further ones are not, since a lock is held.
 */
final class CustomBatching {
    private static final Logger LOGGER = System.getLogger(CustomBatching.class.getName());

    private final String modelName;
    private final BatchingStrategy strategy;
    private final ClassLoader pluginLoader;
    private boolean hasFailed;

    CustomBatching(String modelName, BatchingStrategy strategy, ClassLoader pluginLoader) {
        this.modelName = modelName;
        this.strategy = strategy;
        this.pluginLoader = pluginLoader;
    }

    /** A batch that is being put together; asked for each request in turn, the first one included. */
    interface Attempt extends Predicate<ActiveRequest>, AutoCloseable {
        @Override
        void close();
    }

    /** Begins a batch. A strategy that can't leaves each request alone. */
    Attempt begin() {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(pluginLoader);
        BatchBuilder builder;
        try {
            builder = strategy.begin();
        } catch (RuntimeException | LinkageError e) {
            failed(e);
            builder = request -> false;
        }
        BatchBuilder begun = builder;
        return new Attempt() {
            @Override
            public boolean test(ActiveRequest request) {
                try {
                    return begun.include(request);
                } catch (RuntimeException | LinkageError e) {
                    failed(e);
                    return false;
                }
            }

            @Override
            public void close() {
                try {
                    begun.close();
                } catch (RuntimeException | LinkageError e) {
                    failed(e);
                } finally {
                    Thread.currentThread().setContextClassLoader(before);
                }
            }
        };
    }

    private void failed(Throwable cause) {
        if (!hasFailed) {
            hasFailed = true;
            LOGGER.log(Level.ERROR,
                    "model '" + modelName + "': its batching strategy failed; requests are executed alone "
                            + "where it does. This is logged once.",
                    cause);
        }
    }
}
