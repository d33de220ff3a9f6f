package dev.nereid.engine.request;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The thread that waits for an answer, and what it is lent for. */
@Timeout(30)
class WaitingListenerTest {
    private final SingleResponse answer = new SingleResponse();
    private final List<String> done = new ArrayList<>();

    @Test
    void doesOneThingAfterTheOther() {
        assertTrue(answer.assign(() -> {
            done.add("first");
            assertTrue(answer.assign(() -> {
                done.add("second");
                answer.end(null);
            }), "nothing waits while the first is done");
        }));
        assertFalse(answer.assign(() -> done.add("other")), "the first is not begun yet");

        answer.await();

        assertEquals(List.of("first", "second"), done);
    }

    @Test
    void doesWhatItWasAssignedAlsoWhereTheAnswerIsThere() {
        assertTrue(answer.assign(() -> done.add("late")));
        answer.end(null);

        answer.await();

        assertEquals(List.of("late"), done);
    }

    @Test
    void takesNothingOnceItHasGone() {
        answer.end(null);
        answer.await();

        assertFalse(answer.assign(() -> done.add("never")));
        assertEquals(List.of(), done);
    }

    @Test
    void aThreadThatMustNotWaitDoesWhatItHasAndGoes() {
        assertTrue(answer.assign(() -> {
            done.add("first");
            assertTrue(answer.assign(() -> done.add("second")));
        }));

        answer.lendOnce();

        assertEquals(List.of("first", "second"), done);
        assertFalse(answer.assign(() -> done.add("never")), "the thread has gone");
        answer.lendOnce();
        assertEquals(List.of("first", "second"), done);
    }

    @Test
    void aThreadThatMustNotWaitGoesWhereThereIsNothingToDo() {
        answer.lendOnce();

        assertFalse(answer.assign(() -> done.add("never")));
        assertEquals(List.of(), done);
    }
}
