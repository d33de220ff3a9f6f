package dev.nereid.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import org.junit.jupiter.api.Test;

class HeapBudgetTest {
    private final HeapBudget budget = new HeapBudget(100);

    @Test
    void refusesWhatWouldPassTheBound() {
        budget.reserve(60);
        InferenceException failure = assertThrows(InferenceException.class, () -> budget.reserve(41));

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertEquals(
                "41 bytes more would pass the bound on the Java heap: 60 of 100 bytes are in use. Try again later, "
                        + "send tensors as binary data, or raise the limit of the Java heap (-Xmx).",
                failure.getMessage());
        assertEquals(60, budget.inUseBytes());
    }

    @Test
    void takesAgainWhatWasReleased() {
        assertTrue(budget.tryReserve(100));
        assertFalse(budget.tryReserve(1));
        budget.release(1);
        assertTrue(budget.tryReserve(1));
    }

    @Test
    void isFarSmallerThanTheHeap() {
        HeapBudget own = HeapBudget.ofThisProcess();
        assertThrows(InferenceException.class, () -> own.reserve(Runtime.getRuntime().maxMemory() * 3 / 4));
    }

    @Test
    void boundsWhatAPoolCountsOnTheHeap() {
        try (BufferPool pool = new BufferPool(Long.MAX_VALUE, 0, budget); BufferScope scope = new BufferScope(pool)) {
            scope.allocate(4096, 1);
            assertThrows(InferenceException.class, () -> scope.reserve(101));
            scope.reserve(100);
        }
        assertEquals(0, budget.inUseBytes());
    }
}
