package dev.nereid.engine.memory;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.memory.BufferPool.Buffer;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BufferPoolTest {
    private static final long KIB = 1024;
    private static final long MIB = 1 << 20;

    @AutoClose
    private final BufferPool pool = new BufferPool(64 * MIB, 4 * MIB);

    @Test
    void givesMemoryOfExactlyTheSizeThatWasAskedFor() {
        for (long bytes : new long[]{0, 1, 1023, 1024, 1025, 5000, MIB, 33 * MIB}) {
            try (Buffer buffer = pool.acquire(bytes)) {
                assertEquals(bytes, buffer.segment().byteSize());
                assertEquals(0, buffer.segment().address() % 64, "aligned to a cache line");
            }
        }
    }

    @Test
    void usesABufferAgainForTheNextRequestOfItsSizeClass() {
        long address;
        try (Buffer buffer = pool.acquire(3000)) {
            address = buffer.segment().address();
        }

        try (Buffer again = pool.acquire(4096)) {
            assertEquals(address, again.segment().address());
        }
        try (Buffer other = pool.acquire(4097)) {
            assertNotEquals(address, other.segment().address());
        }
    }

    @ParameterizedTest
    @CsvSource({"0,1024", "1,1024", "1024,1024", "1025,2048", "65536,65536", "65537,81920", "81920,81920",
        "81921,98304", "98305,114688", "114689,131072", "131072,131072", "131073,163840", "602112,655360",
        "16777216,16777216", "16777217,20971520", "29360129,33554432", "33554432,33554432", "33554433,33554433"})
    void takesAtMostAQuarterMoreThanALargeTensorNeeds(long bytes, long capacity) {
        assertEquals(capacity, BufferPool.capacity(bytes));
        try (Buffer _ = pool.acquire(bytes)) {
            assertEquals(capacity, pool.inUseBytes());
        }
    }

    @Test
    void countsWholeBuffersAsInUseUntilTheyAreClosed() {
        Buffer buffer = pool.acquire(1500);
        assertEquals(2 * KIB, pool.inUseBytes());
        assertEquals(0, pool.freeBytes());

        buffer.close();
        assertEquals(0, pool.inUseBytes());
        assertEquals(2 * KIB, pool.freeBytes());
    }

    @Test
    void closingABufferTwiceGivesItBackOnce() {
        Buffer buffer = pool.acquire(1000);
        buffer.close();
        buffer.close();

        assertEquals(0, pool.inUseBytes());
        assertEquals(KIB, pool.freeBytes());
    }

    @Test
    void freesLargeBuffersAtOnce() {
        long large = 32 * MIB + 1;
        Buffer buffer = pool.acquire(large);
        MemorySegment segment = buffer.segment();
        assertEquals(large, pool.inUseBytes(), "no rounding beyond the largest class");

        buffer.close();
        assertEquals(0, pool.freeBytes());
        assertFalse(segment.scope().isAlive());
    }

    @Test
    void freesWhatIsMoreThanItMayKeep() {
        List<Buffer> buffers = new ArrayList<>();
        List<MemorySegment> segments = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            Buffer buffer = pool.acquire(MIB);
            buffers.add(buffer);
            segments.add(buffer.segment());
        }

        buffers.forEach(Buffer::close);

        assertEquals(4 * MIB, pool.freeBytes());
        assertEquals(4, segments.stream().filter(segment -> segment.scope().isAlive()).count());
    }

    @Test
    void refusesWhatWouldPassTheBoundAndKeepsItsCount() {
        Buffer held = pool.acquire(32 * MIB);

        InferenceException failure = assertThrows(InferenceException.class, () -> pool.acquire(32 * MIB + 1));

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertTrue(failure.getMessage().contains("raise the setting max-inflight-bytes"), failure.getMessage());
        assertEquals(32 * MIB, pool.inUseBytes());
        held.close();
    }

    @Test
    void refusesASumThatIsNoNumberAnyMore() {
        try (BufferPool unbounded = new BufferPool(Long.MAX_VALUE, 0)) {
            Buffer held = unbounded.acquire(1024);

            InferenceException failure = assertThrows(InferenceException.class,
                    () -> unbounded.acquire(Long.MAX_VALUE - 1));
            assertTrue(failure.getMessage().contains("would pass the bound"), failure.getMessage());
            assertEquals(1024, unbounded.inUseBytes());
            held.close();
        }
    }

    @Test
    void whatWouldPassTheBoundTakesNothingOfTheHeapEither() {
        HeapBudget heap = new HeapBudget(1024 * MIB);
        try (BufferPool bounded = new BufferPool(4096, 0, heap)) {
            assertThrows(InferenceException.class, () -> bounded.reserve(8192));

            assertEquals(0, heap.inUseBytes());
        }
    }

    @Test
    void servesAgainOnceMemoryWasGivenBack() {
        Buffer buffer = pool.acquire(32 * MIB);
        pool.reserve(32 * MIB);
        assertThrows(InferenceException.class, () -> pool.acquire(1));

        pool.unreserve(32 * MIB);
        assertDoesNotThrow(() -> pool.acquire(1).close());
        buffer.close();
        assertEquals(0, pool.inUseBytes());
    }

    @Test
    void refusesSizesSoLargeThatTheirSumOverflows() {
        try (BufferPool unbounded = new BufferPool(Long.MAX_VALUE, 0)) {
            unbounded.reserve(KIB);
            InferenceException failure = assertThrows(InferenceException.class,
                    () -> unbounded.reserve(Long.MAX_VALUE));

            assertEquals(StatusCode.UNAVAILABLE, failure.code());
            assertEquals(KIB, unbounded.inUseBytes());
        }
    }

    @Test
    void reportsThatTheMachineHasNoMemoryLeftAndKeepsItsCount() {
        try (BufferPool unbounded = new BufferPool(Long.MAX_VALUE, 0)) {
            InferenceException failure = assertThrows(InferenceException.class,
                    () -> unbounded.acquire(Long.MAX_VALUE - 1024));

            assertEquals(StatusCode.UNAVAILABLE, failure.code());
            assertEquals(0, unbounded.inUseBytes());
        }
    }

    @Test
    void whatFailsWhileABufferIsMadeKeepsItsCount() {
        try (BufferPool failing = new BufferPool(64 * MIB, 64 * MIB, HeapBudget.ofThisProcess(), () -> {
            throw new IllegalStateException("no time");
        })) {
            assertThrows(IllegalStateException.class, () -> failing.acquire(MIB));

            assertEquals(0, failing.inUseBytes());
        }
    }

    @Test
    void aNegativeSizeIsRefusedWithoutLosingABuffer() {
        assertThrows(IllegalArgumentException.class, () -> pool.acquire(-1));

        assertEquals(0, pool.inUseBytes());
    }

    @Test
    void closingThePoolFreesWhatIsNotInUseAndTheRestWhenItIsGivenBack() {
        Buffer idle = pool.acquire(KIB);
        Buffer busy = pool.acquire(KIB);
        MemorySegment idleMemory = idle.segment();
        MemorySegment busyMemory = busy.segment();
        idle.close();

        pool.close();
        assertFalse(idleMemory.scope().isAlive());
        assertTrue(busyMemory.scope().isAlive());

        busy.close();
        assertFalse(busyMemory.scope().isAlive());
        assertEquals(0, pool.freeBytes());
        assertEquals(0, pool.inUseBytes());
    }

    @Test
    void freesBuffersThatNobodyNeededSinceTheLastTime() {
        Buffer first = pool.acquire(KIB);
        Buffer second = pool.acquire(KIB);
        Buffer third = pool.acquire(MIB);
        MemorySegment often = second.segment();
        MemorySegment once = first.segment();
        third.close();
        first.close();
        second.close();
        assertEquals(0, pool.freeUnused(), "all were needed since the pool was created");

        pool.acquire(KIB).close();
        assertEquals(KIB, pool.freeUnused(), "the larger one is the system's");

        assertEquals(KIB, pool.freeBytes());
        assertFalse(once.scope().isAlive());
        assertTrue(often.scope().isAlive(), "the one that was used last is kept");
        assertEquals(KIB, pool.freeUnused());
        assertEquals(0, pool.freeBytes());
    }

    @Test
    void aLargeBufferTakesThePlaceOfThoseThatWereFreeForASecond() {
        AtomicLong now = new AtomicLong(Long.MAX_VALUE - 5);
        try (BufferPool timed = new BufferPool(64 * MIB, 64 * MIB, HeapBudget.ofThisProcess(), now::get)) {
            Buffer first = timed.acquire(MIB);
            Buffer second = timed.acquire(MIB);
            timed.acquire(KIB).close();
            first.close();
            now.addAndGet(600_000_000);
            second.close();
            now.addAndGet(600_000_000);

            timed.acquire(512 * KIB).close();
            assertEquals(2 * MIB + 513 * KIB, timed.freeBytes(), "a small one is not worth the look");
            try (Buffer _ = timed.acquire(MIB)) {
                assertEquals(MIB + 513 * KIB, timed.freeBytes(), "one that can be used again needs no room");
            }
            Buffer large = timed.acquire(2 * MIB);
            assertEquals(MIB + 513 * KIB, timed.freeBytes(),
                    "the first is gone; those of the last second, and small ones, stay");
            large.close();
        }
    }

    @Test
    void aLargeBufferTakesNoMoreRoomThanItNeeds() {
        AtomicLong now = new AtomicLong();
        try (BufferPool timed = new BufferPool(64 * MIB, 64 * MIB, HeapBudget.ofThisProcess(), now::get)) {
            List<Buffer> all = IntStream.range(0, 10).mapToObj(_ -> timed.acquire(MIB)).toList();
            all.forEach(Buffer::close);
            now.addAndGet(2_000_000_000);

            timed.acquire(3 * MIB).close();

            assertEquals(7 * MIB + 3 * MIB, timed.freeBytes());
        }
    }

    @Test
    void whatMadeRoomIsNotMissedByThoseThatAreNeeded() {
        AtomicLong now = new AtomicLong();
        try (BufferPool timed = new BufferPool(64 * MIB, 64 * MIB, HeapBudget.ofThisProcess(), now::get)) {
            List<Buffer> four = IntStream.range(0, 4).mapToObj(_ -> timed.acquire(MIB)).toList();
            four.forEach(Buffer::close);
            timed.freeUnused();
            now.addAndGet(2_000_000_000);
            List<Buffer> two = List.of(timed.acquire(MIB), timed.acquire(MIB));
            two.forEach(Buffer::close);

            timed.acquire(2 * MIB).close();
            timed.freeUnused();

            assertEquals(2 * MIB + 2 * MIB, timed.freeBytes(), "the two that were needed, and the large one");
        }
    }

    @Test
    void whatIsNeededAgainAndAgainIsKept() {
        for (int i = 0; i < 5; i++) {
            Buffer first = pool.acquire(KIB);
            pool.acquire(KIB).close();
            first.close();
            assertEquals(0, pool.freeUnused());
        }

        assertEquals(2 * KIB, pool.freeBytes());
    }

    @Test
    void threadsNeverShareABuffer() throws InterruptedException, ExecutionException {
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            List<Future<?>> all = new ArrayList<>();
            for (int t = 0; t < 8; t++) {
                long seed = t;
                all.add(threads.submit(() -> useAtRandom(new Random(seed), seed)));
            }
            for (Future<?> each : all) {
                each.get();
            }
        }

        assertEquals(0, pool.inUseBytes());
        assertTrue(pool.freeBytes() <= 4 * MIB, () -> "keeps " + pool.freeBytes());
    }

    private void useAtRandom(Random random, long mark) {
        List<Buffer> mine = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            if (mine.size() < 4 && random.nextInt(3) > 0) {
                Buffer buffer = pool.acquire(8 + random.nextInt(64 * 1024));
                buffer.segment().set(ValueLayout.JAVA_LONG, 0, mark);
                mine.add(buffer);
            } else if (!mine.isEmpty()) {
                Buffer buffer = mine.remove(random.nextInt(mine.size()));
                assertEquals(mark, buffer.segment().get(ValueLayout.JAVA_LONG, 0));
                buffer.close();
            }
        }
        mine.forEach(Buffer::close);
    }
}
