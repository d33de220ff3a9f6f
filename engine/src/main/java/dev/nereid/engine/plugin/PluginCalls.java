package dev.nereid.engine.plugin;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.storage.StorageException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.function.Supplier;

/**
 * The border to the code of plugins. Whatever a plugin throws, errors of native libraries included, becomes one clear
 * sentence here and a stack trace in the log; the plugin sees its own class loader as the thread's.
 */
public final class PluginCalls {
    private static final Logger LOGGER = System.getLogger(PluginCalls.class.getName());

    private PluginCalls() {
    }

    /**
     * Calls a plugin.
     *
     * @param who names the plugin's thing, such as {@code backend 'pytorch'}
     * @param what completes the sentence "who failed to"
     * @throws InferenceException what the plugin threw, or INTERNAL around anything else
     * @throws StorageException what the plugin threw
     */
    public static <T> T call(String who, String what, ClassLoader loader, Supplier<T> call) {
        Thread current = Thread.currentThread();
        ClassLoader before = current.getContextClassLoader();
        current.setContextClassLoader(loader);
        try {
            return call.get();
        } catch (InferenceException | StorageException e) {
            throw e;
        } catch (LinkageError e) {
            LOGGER.log(Level.ERROR, who + " failed to " + what, e);
            throw new InferenceException(StatusCode.INTERNAL, who + " failed to " + what
                    + ": a class or library that it needs is missing or does not fit (" + firstLine(e) + ")", e);
        } catch (Throwable e) {
            LOGGER.log(Level.ERROR, who + " failed to " + what, e);
            throw new InferenceException(StatusCode.INTERNAL, who + " failed to " + what + ": " + firstLine(e), e);
        } finally {
            current.setContextClassLoader(before);
        }
    }

    /** Closes something of a plugin; a failure goes to the log, since nothing can be done about it. */
    public static void close(String who, ClassLoader loader, AutoCloseable thing) {
        try {
            call(who, "close", loader, () -> {
                try {
                    thing.close();
                } catch (RuntimeException e) {
                    throw e;
                } catch (Exception e) {
                    throw new InferenceException(StatusCode.INTERNAL, firstLine(e), e);
                }
                return Boolean.TRUE;
            });
        } catch (InferenceException e) {
            LOGGER.log(Level.WARNING, who + " failed to close", e);
        }
    }

    private static String firstLine(Throwable e) {
        String message = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        return message.lines().findFirst().orElse(e.getClass().getSimpleName());
    }
}
