package dev.nereid.isolation.region;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class BlocksTest {
    private static final long SIZE = 1 << 20;

    @AutoClose
    private final Arena arena = Arena.ofShared();

    private final MemorySegment area = arena.allocate(SIZE);

    @Test
    void blocksInUseDoNotOverlap() {
        Blocks blocks = new Blocks(area, SIZE);
        Random random = new Random(21);
        List<Blocks.Block> used = new ArrayList<>();
        for (int i = 0; i < 2_000; i++) {
            if (used.size() == 20 || (!used.isEmpty() && random.nextInt(3) == 0)) {
                blocks.free(used.remove(random.nextInt(used.size())).offset());
            } else {
                Blocks.Block block = blocks.allocate(random.nextInt(9_000), Duration.ZERO);
                for (Blocks.Block other : used) {
                    assertFalse(block.memory().byteSize() > 0 && block.memory().asOverlappingSlice(other.memory())
                            .isPresent());
                }
                used.add(block);
            }
        }
        used.forEach(block -> blocks.free(block.offset()));
        assertEquals(0, blocks.usedBytes());
    }

    @Test
    void oneRequestAlwaysHasRoomAndMoreThanTheLimitHaveNone() {
        Blocks blocks = new Blocks(area, 1_000);
        Blocks.Block large = blocks.allocate(100_000, Duration.ZERO);
        InferenceException failure = assertThrows(InferenceException.class, () -> blocks.allocate(1, Duration.ZERO));
        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        blocks.free(large.offset());
        assertEquals(10, blocks.allocate(10, Duration.ZERO).memory().byteSize());
    }

    @Test
    void waitsUntilOthersAreFree() {
        Blocks blocks = new Blocks(area, 1_000);
        Blocks.Block first = blocks.allocate(1_000, Duration.ZERO);
        CompletableFuture<Blocks.Block> second = CompletableFuture
                .supplyAsync(() -> blocks.allocate(1_000, Duration.ofSeconds(30)));
        assertFalse(second.isDone());
        blocks.free(first.offset());
        assertEquals(first.offset(), second.join().offset());
    }

    @Test
    void whatIsFreedTwiceIsFreeOnce() {
        Blocks blocks = new Blocks(area, SIZE);
        Blocks.Block block = blocks.allocate(1, Duration.ZERO);
        blocks.free(block.offset());
        blocks.free(block.offset());
        blocks.free(12_345);
        assertTrue(blocks.allocate(1, Duration.ZERO).offset() != blocks.allocate(1, Duration.ZERO).offset());
    }

    @Test
    void onlyWhatLiesInTheAreaIsReached() {
        assertEquals(SIZE, Blocks.slice(area, 0, SIZE).byteSize());
        assertEquals(0, Blocks.slice(area, SIZE, 0).byteSize());
        long[][] outside = {{-1, 1}, {0, SIZE + 1}, {SIZE, 1}, {1, SIZE}, {0, -1}, {Long.MAX_VALUE, Long.MAX_VALUE},
            {Long.MIN_VALUE, 1}};
        for (long[] each : outside) {
            assertThrows(InferenceException.class, () -> Blocks.slice(area, each[0], each[1]));
        }
    }

    @Test
    void sizesThatWereInDemandLeaveRoomForOthers() {
        long limit = SIZE / 4;
        Blocks blocks = new Blocks(area, limit);
        Blocks.Block kept = blocks.allocate(300, Duration.ZERO);
        kept.memory().fill((byte) 7);
        for (int size = 256; size <= limit / 2; size *= 2) {
            List<Blocks.Block> used = new ArrayList<>();
            while (blocks.usedBytes() + size <= limit) {
                Blocks.Block block = blocks.allocate(size, Duration.ZERO);
                block.memory().fill((byte) 1);
                used.add(block);
            }
            used.forEach(block -> blocks.free(block.offset()));
        }
        assertEquals(-1, kept.memory().mismatch(MemorySegment.ofArray(new byte[300]).fill((byte) 7)));
        blocks.free(kept.offset());
        assertEquals(0, blocks.usedBytes());
    }
}
