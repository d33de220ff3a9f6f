package dev.nereid.isolation.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.Reader;
import java.io.StringReader;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class OutputPumpTest {
    @Test
    void eachLineIsOneAlsoTheLast() throws IOException {
        Reader output = new StringReader("first\n\nlast");
        assertEquals(Optional.of("first"), OutputPump.line(output));
        assertEquals(Optional.of(""), OutputPump.line(output));
        assertEquals(Optional.of("last"), OutputPump.line(output));
        assertEquals(Optional.empty(), OutputPump.line(output));
    }

    @Test
    void ofALongLineTheBeginningIsKept() throws IOException {
        String kept = "x".repeat(OutputPump.MAX_LINE);
        Reader output = new StringReader(kept + "y".repeat(100_000) + "\nnext\n");
        assertEquals(Optional.of(kept), OutputPump.line(output));
        assertEquals(Optional.of("next"), OutputPump.line(output));
        assertEquals(Optional.empty(), OutputPump.line(output));
    }
}
