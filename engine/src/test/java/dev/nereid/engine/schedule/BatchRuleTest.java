package dev.nereid.engine.schedule;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.DataType;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Which requests may share a batch. */
class BatchRuleTest extends BatchingQueueTesting {
    @Test
    void requestsOfOtherShapesDoNotJoin() {
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8, input("INPUT0", false, false, Dims.ANY));
        offer(queue, requests.id("a").rows(2).input("INPUT0", 4));
        offer(queue, requests.id("b").rows(1).input("INPUT0", 4));
        offer(queue, requests.id("c").rows(1).input("INPUT0", 5));
        offer(queue, requests.id("d").rows(1).input("INPUT0", 4));

        assertAll(() -> assertEquals(List.of("a", "b"), poll(queue)), () -> assertEquals(List.of("c"), poll(queue)),
                () -> assertEquals(List.of("d"), poll(queue)));
    }

    @Test
    void anotherShapeEndsTheWait() {
        BatchingQueue queue = queue(batching(100, 8), 8, input("INPUT0", false, false, Dims.ANY));
        offer(queue, requests.id("a").input("INPUT0", 4));
        assertEquals(List.of(), poll(queue));

        offer(queue, requests.id("b").input("INPUT0", 5));
        assertEquals(List.of("a"), poll(queue));
    }

    @Test
    void anotherRankDoesNotJoin() {
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8, input("INPUT0", false, false, Dims.ANY));
        offer(queue, requests.id("a").input("INPUT0", 4));
        offer(queue, requests.id("b").input("INPUT0", 4, 1));

        assertEquals(List.of("a"), poll(queue));
    }

    @Test
    void requestsOfOtherShapesJoinWhereTheInputIsRagged() {
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8, input("INPUT0", true, false, Dims.ANY));
        offer(queue, requests.id("a").input("INPUT0", 4));
        offer(queue, requests.id("b").input("INPUT0", 5));

        assertEquals(List.of("a", "b"), poll(queue));
    }

    @Test
    void requestsWithOtherInputsDoNotJoinWhereSomeAreOptional() {
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8, input("INPUT0", false, false, 4),
                input("INPUT1", false, true, 4), input("INPUT2", false, true, 4));
        offer(queue, requests.id("a").input("INPUT0", 4));
        offer(queue, requests.id("b").input("INPUT0", 4));
        offer(queue, requests.id("c").input("INPUT0", 4).input("INPUT1", 4));
        offer(queue, requests.id("d").input("INPUT0", 4).input("INPUT2", 4));

        assertAll(() -> assertEquals(List.of("a", "b"), poll(queue)), () -> assertEquals(List.of("c"), poll(queue)),
                () -> assertEquals(List.of("d"), poll(queue)));
    }

    @Test
    void shapeTensorsMustHaveEqualContent() {
        ModelInput shapeTensor = new ModelInput("SHAPE", Optional.of(DataType.UINT8), ModelInput.Format.NONE,
                Dims.of(2), Optional.empty(), true, false, false, false);
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8, input("INPUT0", false, false, 4), shapeTensor);
        offer(queue, requests.id("a").input("INPUT0", 4).content("SHAPE", (byte) 1, (byte) 2));
        offer(queue, requests.id("b").input("INPUT0", 4).content("SHAPE", (byte) 1, (byte) 2));
        offer(queue, requests.id("c").input("INPUT0", 4).content("SHAPE", (byte) 2, (byte) 2));

        assertEquals(List.of("a", "b"), poll(queue));
        assertEquals(List.of("c"), poll(queue));
    }
}
