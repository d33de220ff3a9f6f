package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SourceNestingTest {
    private static String repeated(String open, int count, String middle, String close) {
        return "class A(Module):\n  def f(self, x):\n    return " + open.repeat(count) + middle + close.repeat(count)
                + "\n";
    }

    private static void assertDeep(String source) {
        assertEquals(OptionalInt.of(3), SourceNesting.lineTooDeep(source), source);
    }

    private static void assertShallow(String source) {
        assertEquals(OptionalInt.empty(), SourceNesting.lineTooDeep(source), source);
    }

    @ParameterizedTest
    @ValueSource(strings = {"(", "torch.neg(", "[", "{", "-", "not ", "x + ", "x.", "1 if y else ", "f(x)(", "x or "})
    void whatNestsIsCounted(String open) {
        assertDeep(repeated(open, SourceNesting.MOST + 1, "x", ""));
        assertShallow(repeated(open, SourceNesting.MOST / 4, "x", ""));
    }

    @Test
    void theBoundIsWhatItSays() {
        // Two levels are those of the blocks.
        assertShallow(repeated("(", SourceNesting.MOST - 2, "x", ")"));
        assertDeep(repeated("(", SourceNesting.MOST - 1, "x", ")"));
        assertDeep(repeated("(", SourceNesting.MOST - 30, "-".repeat(29) + "x", ")"));
    }

    @Test
    void callsOfResultsNestToo() {
        assertDeep(repeated("", 0, "x" + "(1)".repeat(SourceNesting.MOST), ""));
    }

    @Test
    void blocksNest() {
        // Each of them with its own condition.
        StringBuilder source = new StringBuilder("def f(x):\n");
        for (int i = 1; i <= SourceNesting.MOST + 1; i++) {
            source.append(" ".repeat(i)).append("if True:\n").append(i % 2 == 0 ? "# so\n" : "\n");
        }
        assertEquals(OptionalInt.of(2 * SourceNesting.MOST), SourceNesting.lineTooDeep(source.toString()));
    }

    @Test
    void whatComesOneAfterTheOtherDoesNotNest() {
        assertShallow(repeated("", 0, "[" + "-1.5e-05, ".repeat(1000) + "1]", ""));
        assertShallow(repeated("", 0, "f(" + "(x), [y + z], ".repeat(1000) + ")", ""));
        assertShallow("def f(x):\n" + "  y = (x + 1) * 2\n".repeat(1000));
        assertShallow("def f(x):\n" + "  if x:\n    y = 1\n\n".repeat(1000));
        assertShallow("def f(x):\n  return f(x,\n" + "    -x,\n  x,\n".repeat(1000) + ")\n");
    }

    @Test
    void textDoesNotNest() {
        String many = "(".repeat(SourceNesting.MOST + 1);
        assertShallow(repeated("", 0, "f(\"" + many + "\\\"" + many + "\", '" + many + "')", ""));
        assertShallow(repeated("", 0, "f(\"\"\"" + many + "\"\n" + many + "\"\"\", x)  # " + many, ""));
        assertDeep(repeated("", 0, "f(\"\"\"\"x\"\"\", " + many, ""));
        assertDeep(repeated("", 0, "f(x)  # type: " + many, ""));
        assertDeep(repeated("", 0, "f(\"\", " + many, ""));
    }

    @Test
    void whatIsLeftOpenIsNoError() {
        for (String source : new String[]{"", "(", "\"", "\"\\", ")))", "#", "'''", "  ", "\n", "\\\n"}) {
            assertShallow(source);
        }
    }
}
