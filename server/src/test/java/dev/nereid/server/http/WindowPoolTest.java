package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class WindowPoolTest {
    private static final int MORE_THAN_ARE_KEPT = 17;

    private final WindowPool pool = new WindowPool();

    @Test
    void keepsMemoryForTheNext() {
        byte[] window = pool.take();
        assertEquals(InferBodyReader.WINDOW, window.length);
        assertNotSame(window, pool.take(), "memory was handed out twice");

        pool.giveBack(window);
        assertSame(window, pool.take());
        assertNotSame(window, pool.take(), "memory was handed out twice");
    }

    @Test
    void keepsTheLastFewOnly() {
        byte[][] windows = IntStream.range(0, MORE_THAN_ARE_KEPT).mapToObj(_ -> pool.take()).toArray(byte[][]::new);
        for (byte[] window : windows) {
            pool.giveBack(window);
        }

        Set<Object> kept = IntStream.range(0, MORE_THAN_ARE_KEPT).mapToObj(_ -> (Object) pool.take())
                .collect(Collectors.toSet());
        assertTrue(kept.contains(windows[MORE_THAN_ARE_KEPT - 1]) && kept.contains(windows[1]));
        assertFalse(kept.contains(windows[0]));
    }
}
