package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class SequencePoolTest {
    private static SequencePool pool(int count, int length, double variation, long lastId) {
        return new SequencePool(count, new SequencePool.Settings(length, variation, 5, lastId, 1));
    }

    /** Sends so many requests, one after the other. */
    private static List<SequencePlace> send(SequencePool pool, int requests) throws InterruptedException {
        List<SequencePlace> places = new ArrayList<>();
        for (int i = 0; i < requests; i++) {
            SequencePool.Sequence sequence = pool.take();
            places.add(sequence.next());
            pool.giveBack(sequence, true);
        }
        return places;
    }

    @Test
    void aSequenceBeginsAndEndsAndAnotherFollows() throws InterruptedException {
        assertEquals(List.of(new SequencePlace(5, true, false), new SequencePlace(5, false, false),
                new SequencePlace(5, false, true), new SequencePlace(6, true, false)), send(pool(1, 3, 0, 100), 4));
        assertEquals(new SequencePlace(5, true, true), send(pool(1, 1, 0, 100), 1).getFirst());
    }

    @Test
    void sequencesTakeTurns() throws InterruptedException {
        assertEquals(List.of(5L, 6L, 5L, 6L, 7L, 8L),
                send(pool(2, 2, 0, 100), 6).stream().map(SequencePlace::id).toList());
    }

    @Test
    void idsAreUsedAgainAfterTheLast() throws InterruptedException {
        assertEquals(List.of(5L, 6L, 5L), send(pool(1, 1, 0, 6), 3).stream().map(SequencePlace::id).toList());
    }

    @Test
    void lengthsVary() throws InterruptedException {
        Map<Long, Integer> lengths = new HashMap<>();
        send(pool(1, 10, 20, 1000), 5000).forEach(place -> lengths.merge(place.id(), 1, Integer::sum));
        long last = lengths.keySet().stream().mapToLong(Long::longValue).max().orElseThrow();
        lengths.remove(last);

        assertEquals(new TreeSet<>(List.of(8, 9, 10, 11, 12)), new TreeSet<>(lengths.values()));
    }

    @Test
    void aFailedSequenceIsGivenUp() throws InterruptedException {
        SequencePool pool = pool(1, 3, 0, 100);
        SequencePool.Sequence failed = pool.take();
        assertEquals(5, failed.next().id());

        pool.giveBack(failed, false);

        assertEquals(new SequencePlace(6, true, false), pool.take().next());
    }

    @Test
    void waitsForASequenceWithoutARequestUnderWay() throws Exception {
        SequencePool pool = pool(1, 3, 0, 100);
        SequencePool.Sequence taken = pool.take();
        assertEquals(new SequencePlace(5, true, false), taken.next());
        List<SequencePlace> second = new ArrayList<>();
        Thread other = Thread.ofVirtual().start(() -> {
            try {
                second.addAll(send(pool, 1));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });

        pool.giveBack(taken, true);
        other.join();

        assertEquals(List.of(new SequencePlace(5, false, false)), second);
    }

    @Test
    void endsWhatWasBegun() throws InterruptedException {
        SequencePool pool = pool(3, 3, 0, 100);
        send(pool, 2);

        assertEquals(List.of(new SequencePlace(5, false, true), new SequencePlace(6, false, true)), pool.end());
        assertTrue(pool.end().isEmpty());
    }
}
