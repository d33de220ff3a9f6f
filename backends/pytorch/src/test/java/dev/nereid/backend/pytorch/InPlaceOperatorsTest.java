package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class InPlaceOperatorsTest {
    @TempDir
    Path directory;

    /** Looks into the source as libtorch writes it, which differs from what its author wrote. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"x.mul_(2)|true", "torch.relu_(x)|true", "x.__iand__(x)|true",
        "torch.add(x, x, out=x)|true", "x + 1|false", "torch.relu(x).unsqueeze(0)|false", "x.__and__(x)|false",
        "torch.cumsum(x, 0, dtype=None)|false"})
    void areFoundInAFile(String expression, boolean expected) throws IOException {
        assertEquals(expected, areIn("  return " + expression + "\n"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"x += 1", "x[0] = 3", "x[:1] = x[1:]", "x *= x", "x /= 2"})
    void areFoundInAssignments(String statement) throws IOException {
        assertTrue(areIn("  " + statement + "\n  return x\n"));
    }

    private boolean areIn(String body) throws IOException {
        TestScripts.write(directory, "def forward(self, x):\n" + body);
        return InPlaceOperators.areIn(directory.resolve("1").resolve("model.pt"));
    }

    @Test
    void mayBeWhatALibraryBrings() {
        assertTrue(InPlaceOperators.areIn("  _0 = ops.torchvision.nms(x, y, 0.5)"));
        assertFalse(InPlaceOperators.areIn("  _0 = ops.prim.NumToTensor(torch.size(x, 0))"));
        assertTrue(InPlaceOperators.areIn("  _0 = torch.__ior__(x, y)"));
    }
}
