package dev.nereid.isolation.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.System.Logger.Level;
import org.junit.jupiter.api.Test;

class LogLineTest {
    @Test
    void severalLinesAreOneAndComeBack() {
        LogLine logged = new LogLine(Level.WARNING, "first\nsecond\n\tat third");
        assertEquals(1, logged.line().lines().count());
        assertEquals(logged, LogLine.parse(logged.line()));
    }

    @Test
    void whatALibraryPrintsIsInformation() {
        for (String printed : new String[]{"", "plain", "\u001e", "\u001ebroken", "\u001eNO LEVEL\u001etext"}) {
            assertEquals(new LogLine(Level.INFO, printed), LogLine.parse(printed));
        }
    }

    @Test
    void whatTheJvmSaysWhenItCrashesIsADetailAndAMessageLikeItIsNot() {
        String text = "# A fatal error has been detected";
        assertEquals(new LogLine(Level.DEBUG, text), LogLine.parse(text));
        LogLine logged = new LogLine(Level.WARNING, text);
        assertEquals(logged, LogLine.parse(logged.line()));
    }
}
