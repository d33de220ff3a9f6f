package dev.nereid.server.console;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.console.Feed.Part;
import dev.nereid.server.console.Feed.Viewer;
import dev.nereid.server.v2.Category;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class FeedTest {
    private final AtomicInteger samples = new AtomicInteger();
    /** A snapshot is made for each permit. */
    private final Semaphore permits = new Semaphore(0);
    private volatile int failing;
    private volatile int exhausted;
    private final Feed feed = new Feed(this::sample, Duration.ofMillis(1));

    private List<Part> sample() {
        try {
            if (!permits.tryAcquire(20, TimeUnit.SECONDS)) {
                return List.of();
            }
        } catch (InterruptedException e) {
            return List.of();
        }
        int number = samples.incrementAndGet();
        if (number == failing) {
            throw new IllegalStateException("this is a test");
        }
        if (number == exhausted) {
            throw new OutOfMemoryError("this is a test");
        }
        return List.of(part("same", "1"), part("new", Integer.toString(number)));
    }

    private static Part part(String name, String json) {
        return new Part(name, Category.METADATA, json.getBytes(UTF_8));
    }

    private static List<String> texts(Optional<List<Part>> parts) {
        return parts.orElseThrow().stream().map(part -> part.name() + "=" + new String(part.json(), UTF_8)).toList();
    }

    private void awaitRunning(boolean expected) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
        while (feed.isRunning() != expected && System.nanoTime() < deadline) {
            LockSupport.parkNanos(100_000);
        }
        assertEquals(expected, feed.isRunning());
    }

    @AfterEach
    void end() {
        feed.close();
        permits.release(1000);
    }

    @Test
    void makesOneSnapshotForAllAndSendsWhatHasChanged() throws InterruptedException {
        try (Viewer first = feed.join(); Viewer second = feed.join()) {
            permits.release();
            assertEquals(List.of("same=1", "new=1"), texts(first.next()));
            assertEquals(List.of("same=1", "new=1"), texts(second.next()));
            permits.release();
            assertEquals(List.of("new=2"), texts(first.next()));
            assertEquals(List.of("new=2"), texts(second.next()));
            assertEquals(2, samples.get());
            try (Viewer late = feed.join()) {
                assertEquals(List.of("same=1", "new=2"), texts(late.next()));
            }
        }
    }

    @Test
    void makesNoneWhileNobodyLooksAndShowsNothingOldAfterwards() throws InterruptedException {
        assertEquals(false, feed.isRunning());
        try (Viewer viewer = feed.join()) {
            permits.release();
            assertEquals(List.of("same=1", "new=1"), texts(viewer.next()));
        }
        // For the one that may be under way.
        permits.release();
        awaitRunning(false);
        int before = samples.get();
        permits.drainPermits();
        try (Viewer viewer = feed.join()) {
            permits.release();
            assertEquals(List.of("same=1", "new=" + (before + 1)), texts(viewer.next()));
        }
    }

    @Test
    void aSnapshotThatFailsIsLeftOut() throws InterruptedException {
        try (Viewer viewer = feed.join()) {
            failing = 2;
            exhausted = 3;
            permits.release();
            assertEquals(List.of("same=1", "new=1"), texts(viewer.next()));
            permits.release();
            assertEquals(List.of(), texts(viewer.next()));
            permits.release();
            assertEquals(List.of(), texts(viewer.next()));
            permits.release();
            assertEquals(List.of("new=4"), texts(viewer.next()));
        }
    }

    @Test
    void boundsHowManyLook() {
        List<Viewer> viewers = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            viewers.add(feed.join());
        }
        assertThrows(InferenceException.class, feed::join);
        viewers.getFirst().close();
        viewers.getFirst().close();
        viewers.add(feed.join());
        assertThrows(InferenceException.class, feed::join);
        viewers.forEach(Viewer::close);
    }

    @Test
    void theEndIsSeen() throws InterruptedException {
        try (Viewer viewer = feed.join()) {
            feed.close();
            assertEquals(Optional.empty(), viewer.next());
        }
        assertThrows(InferenceException.class, feed::join);
    }
}
