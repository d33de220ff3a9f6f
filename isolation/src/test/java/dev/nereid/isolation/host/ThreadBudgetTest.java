package dev.nereid.isolation.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.api.Test;

class ThreadBudgetTest {
    @Test
    void workersShareTheCoresThatOthersWereNotGiven() {
        ThreadBudget budget = new ThreadBudget(8);
        assertEquals(8, budget.share());
        budget.enter(Optional.empty());
        assertEquals(8, budget.share());
        budget.enter(Optional.empty());
        assertEquals(4, budget.share());
        budget.enter(Optional.of(3));
        assertEquals(2, budget.share());
        budget.leave(Optional.empty());
        assertEquals(5, budget.share());
        budget.leave(Optional.of(3));
        assertEquals(8, budget.share());
    }

    @Test
    void nobodyGetsLessThanOne() {
        ThreadBudget budget = new ThreadBudget(2);
        for (int i = 0; i < 3; i++) {
            budget.enter(Optional.empty());
        }
        assertEquals(1, budget.share());
        budget.enter(Optional.of(16));
        assertEquals(1, budget.share());
    }
}
