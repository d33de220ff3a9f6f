package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TextPoolTest {
    private final TextPool pool = new TextPool();

    @Test
    void keepsMemoryForTextsThatFit() {
        byte[] text = pool.take(1_000_000);
        assertTrue(text.length >= 1_000_000);
        assertNotSame(text, pool.take(1_000_000), "memory was handed out twice");

        pool.giveBack(text);
        assertNotSame(text, pool.take(2_000_000));
        assertSame(text, pool.take(1_000_100));
        assertNotSame(text, pool.take(1_000_100), "memory was handed out twice");
    }

    @Test
    void keepsNoneOfTheLongest() {
        byte[] text = pool.take(50_000_000);
        assertEquals(50_000_000, text.length);

        pool.giveBack(text);
        assertNotSame(text, pool.take(50_000_000));
    }

    @Test
    void keepsTheLastFewOnly() {
        byte[][] texts = IntStream.range(0, 5).mapToObj(_ -> pool.take(100_000)).toArray(byte[][]::new);
        for (byte[] text : texts) {
            pool.giveBack(text);
        }

        Set<Object> kept = IntStream.range(0, 5).mapToObj(_ -> (Object) pool.take(100_000))
                .collect(Collectors.toSet());
        assertTrue(kept.contains(texts[4]) && kept.contains(texts[1]));
        assertTrue(!kept.contains(texts[0]));
    }
}
