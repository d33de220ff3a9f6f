package dev.nereid.server.v2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.server.v2.RecentFailures.Failure;
import java.util.List;
import org.junit.jupiter.api.Test;

class RecentFailuresTest {
    private final RecentFailures failures = new RecentFailures();

    private List<String> texts() {
        return failures.latest().stream().map(each -> each.count() + " " + each.request() + ": " + each.message())
                .toList();
    }

    @Test
    void keepsNothingUntilSomebodyMayLook() {
        failures.add(() -> fail("nobody may look"), InferenceException.invalid("x"));
        assertEquals(List.of(), failures.latest());
    }

    @Test
    void equalOnesAreOneEntryAndTheLatestIsFirst() {
        failures.keep();
        failures.add(() -> "a", InferenceException.invalid("x"));
        failures.add(() -> "b", InferenceException.invalid("x"));
        failures.add(() -> "a", InferenceException.invalid("x"));
        failures.add(() -> "a", InferenceException.notFound("x"));
        failures.add(() -> "a", new InferenceException(StatusCode.CANCELLED, "given up"));

        assertEquals(List.of("1 a: x", "2 a: x", "1 b: x"), texts());
        assertEquals(StatusCode.NOT_FOUND, failures.latest().getFirst().code());
    }

    @Test
    void isBoundedInNumberAndLength() {
        failures.keep();
        for (int i = 0; i < 500; i++) {
            String request = "r" + i;
            failures.add(() -> request, InferenceException.invalid("x".repeat(5000)));
        }
        assertEquals(100, failures.latest().size());
        Failure last = failures.latest().getFirst();
        assertEquals("r499", last.request());
        assertEquals(1003, last.message().length());
    }

    @Test
    void theTailOfTheLogIsBounded() {
        LogTail tail = new LogTail();
        tail.add("first\n\nsecond\n");
        assertEquals(List.of("first", "second"), tail.lines());
        for (int i = 0; i < 1000; i++) {
            tail.add("line " + i + "x".repeat(9000));
        }
        assertEquals(300, tail.lines().size());
        assertEquals(true, tail.lines().getLast().startsWith("line 999x"));
        assertEquals(2003, tail.lines().getLast().length());
    }
}
