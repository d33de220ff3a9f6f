package dev.nereid.json;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.Random;
import org.junit.jupiter.api.Test;

class RecentStringsTest {
    private final RecentStrings strings = new RecentStrings();

    private String get(String text) {
        byte[] bytes = ("<" + text + ">").getBytes(UTF_8);
        return strings.get(bytes, 1, bytes.length - 2);
    }

    @Test
    void aShortTextIsMadeOnce() {
        String first = get("INPUT0");

        assertEquals("INPUT0", first);
        assertSame(first, get("INPUT0"));
        assertEquals("", get(""));
    }

    @Test
    void aLongTextIsNotKept() {
        String text = "x".repeat(33);
        String first = get(text);

        assertEquals(text, first);
        assertNotSame(first, get(text));
    }

    @Test
    void textsThatShareASlotAreToldApart() {
        Random random = new Random(7);
        for (int i = 0; i < 10_000; i++) {
            String text = random.ints(random.nextInt(5), 'a', 'e').mapToObj(Character::toString)
                    .reduce("", String::concat);
            assertEquals(text, get(text));
        }
    }

    @Test
    void textsBeyondAsciiAreRead() {
        assertEquals("\u00e9", get("\u00e9"));
        assertEquals("\u00e9", get("\u00e9"));
        assertEquals("\ufffd", strings.get(new byte[]{(byte) 0xff}, 0, 1));
        assertEquals("\ufffd", strings.get(new byte[]{(byte) 0xfe}, 0, 1));
    }
}
