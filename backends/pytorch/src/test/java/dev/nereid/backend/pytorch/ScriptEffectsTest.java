package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Most of these look into source as libtorch writes it, which differs from what its author wrote. */
final class ScriptEffectsTest {
    private static final ScriptEffects ON_TENSORS = new ScriptEffects(true, true, false, false);
    private static final ScriptEffects ON_STATE = new ScriptEffects(false, true, true, false);

    @TempDir
    Path directory;

    private ScriptEffects of(String statement) throws IOException {
        TestScripts.write(directory, "def forward(self, x):\n  " + statement + "\n  return x\n");
        return ScriptEffects.of(directory.resolve("1").resolve("model.pt"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"x.mul_(2)", "y = torch.relu_(x)", "x.__iand__(x)", "torch.add(x, x, out=x)", "x += 1",
        "x[0] = 3", "x[:1] = x[1:]", "x *= x", "x /= 2", "self.state.add_(1)"})
    void areSeenOnTensors(String statement) throws IOException {
        assertEquals(ON_TENSORS, of(statement));
    }

    @ParameterizedTest
    @ValueSource(strings = {"self.state = x", "y = [x]\n  y.append(x)\n  x = y[1]",
        "y = {'a': x}\n  y['b'] = x\n  x = y['b']"})
    void areSeenOnState(String statement) throws IOException {
        assertEquals(ON_STATE, of(statement));
    }

    @ParameterizedTest
    @ValueSource(strings = {"y = x + 1", "y = torch.relu(x).unsqueeze(0)", "y = x.__and__(x)", "x &= x",
        "y = self.weight * x", "y = torch.cumsum(x, 0, dtype=None)"})
    void areNotSeenWhereThereAreNone(String statement) throws IOException {
        assertEquals(ScriptEffects.NONE, of(statement));
    }

    /** Source given to libtorch can't fork, only what its Python part has written. */
    @Test
    void areSeenWhereTasksAreStarted() {
        assertEquals(new ScriptEffects(false, false, false, true), ScriptEffects.of("""
                  def __forked_function():
                    return torch.add(x, 1)
                  _0 = fork(__forked_function)
                  return torch.wait(_0)
                """));
        assertEquals(ScriptEffects.NONE, ScriptEffects.of("  _0 = (self).pitchfork(x, )"));
    }

    @Test
    void areExpectedOfOperatorsThatALibraryBrings() {
        assertEquals(ON_TENSORS, ScriptEffects.of("  _0 = ops.torchvision.nms(x, y, 0.5)"));
        assertEquals(ScriptEffects.NONE, ScriptEffects.of("  _0 = ops.prim.NumToTensor(torch.size(x, 0))"));
    }
}
