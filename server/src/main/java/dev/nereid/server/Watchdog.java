package dev.nereid.server;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Looks now and then whether the server can still serve, so that one that can't does not look alive. Its thread waits for
 * nothing but its checks, which wait for nothing.
 */
final class Watchdog implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(Watchdog.class.getName());

    private final List<Supplier<Optional<Trouble>>> checks;
    private final Duration interval;
    private final Thread thread = Thread.ofPlatform().name("nereid-watchdog").daemon(true).unstarted(this::watch);
    private final AtomicReference<@Nullable Trouble> found = new AtomicReference<>();
    private volatile Consumer<Trouble> action = _ -> {
    };

    /**
     * Why the server can't serve.
     *
     * @param text for people
     * @param isLasting whether it can't end by itself
     */
    record Trouble(String text, boolean isLasting) {
    }

    private Watchdog(List<Supplier<Optional<Trouble>>> checks, Duration interval) {
        this.checks = List.copyOf(checks);
        this.interval = interval;
    }

    /** Starts to look. */
    static Watchdog start(List<Supplier<Optional<Trouble>>> checks, Duration interval) {
        Watchdog watchdog = new Watchdog(checks, interval);
        watchdog.thread.start();
        return watchdog;
    }

    /** Says what is to be done, on the watchdog's thread, whenever new trouble is found. */
    void whenFound(Consumer<Trouble> does) {
        action = does;
        Trouble now = found.get();
        if (now != null) {
            does.accept(now);
        }
    }

    /** Returns why the server can't serve now; empty where it can. */
    Optional<String> trouble() {
        return Optional.ofNullable(found.get()).map(Trouble::text);
    }

    private void watch() {
        while (true) {
            try {
                Thread.sleep(interval);
                look();
            } catch (InterruptedException e) {
                return;
            } catch (RuntimeException | Error e) {
                LOGGER.log(Level.ERROR, "a check failed", e);
            }
        }
    }

    private void look() {
        Trouble first = null;
        for (Supplier<Optional<Trouble>> check : checks) {
            if (first == null) {
                first = check.get().orElse(null);
            }
        }
        Trouble before = found.getAndSet(first);
        if (first == null) {
            if (before != null) {
                LOGGER.log(Level.WARNING, "the server serves again");
            }
        } else if (before == null || !before.text().equals(first.text())) {
            LOGGER.log(Level.ERROR, "the server is not live: " + first.text());
            action.accept(first);
        }
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}
