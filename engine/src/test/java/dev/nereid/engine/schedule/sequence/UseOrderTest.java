package dev.nereid.engine.schedule.sequence;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.CorrelationId;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class UseOrderTest {
    private final UseOrder order = new UseOrder();
    private final Sequence a = sequence(1);
    private final Sequence b = sequence(2);
    private final Sequence c = sequence(3);

    private static Sequence sequence(long number) {
        return new Sequence(new CorrelationId.Numeric(number), number, List.of(),
                new SequenceState(new StateInputs(List.of(), true)));
    }

    /** Takes all out, the one first that was used last longest ago. */
    private List<Sequence> takeAll() {
        List<Sequence> all = new ArrayList<>();
        for (Sequence first = order.first(); first != null; first = order.first()) {
            all.add(first);
            order.remove(first);
        }
        return all;
    }

    @Test
    void whatIsUsedGoesToTheEnd() {
        order.add(a);
        order.add(b);
        order.add(c);
        order.used(a);
        assertEquals(List.of(b, c, a), takeAll());
        order.add(a);
        order.add(b);
        order.add(c);
        order.used(b);
        order.used(b);
        order.used(c);
        assertEquals(List.of(a, b, c), takeAll());
    }

    @Test
    void whatIsNotInItStaysOutside() {
        order.add(a);
        order.used(b);
        order.remove(b);
        order.add(c);
        order.remove(a);
        order.remove(a);
        order.used(a);
        assertEquals(List.of(c), takeAll());
        assertEquals(List.of(), takeAll());
    }
}
