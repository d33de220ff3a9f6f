package dev.nereid.server;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.server.Watchdog.Trouble;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class WatchdogTest {
    private final AtomicReference<Optional<Trouble>> state = new AtomicReference<>(Optional.empty());
    private final BlockingQueue<String> found = new LinkedBlockingQueue<>();

    private Watchdog start() {
        Watchdog watchdog = Watchdog.start(List.of(Optional::empty, state::get), Duration.ofMillis(1));
        watchdog.whenFound(trouble -> found.add(trouble.text()));
        return watchdog;
    }

    @Test
    void tellsTroubleOnce() throws InterruptedException {
        try (Watchdog watchdog = start()) {
            assertEquals(Optional.empty(), watchdog.trouble());
            state.set(Optional.of(new Trouble("a", false)));
            assertEquals("a", found.poll(10, TimeUnit.SECONDS));
            assertEquals(Optional.of("a"), watchdog.trouble());
            state.set(Optional.of(new Trouble("b", false)));
            assertEquals("b", found.poll(10, TimeUnit.SECONDS));
            assertEquals(0, found.size());
        }
    }

    @Test
    void goesOnWhereACheckFails() throws InterruptedException {
        AtomicReference<RuntimeException> failure = new AtomicReference<>(new IllegalStateException("once"));
        try (Watchdog watchdog = Watchdog.start(List.of(() -> {
            RuntimeException now = failure.getAndSet(null);
            if (now != null) {
                throw now;
            }
            return Optional.of(new Trouble("later", true));
        }), Duration.ofMillis(1))) {
            watchdog.whenFound(trouble -> found.add(trouble.text()));
            assertEquals("later", found.poll(10, TimeUnit.SECONDS));
        }
    }
}
