package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.Diagnosis;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class DiagnosisTest {
    @Test
    void tellsWhichLibraryItHas() {
        Diagnosis good = diagnose(Map.of());

        assertEquals(Diagnosis.Verdict.OK, good.verdict());
        assertTrue(good.found().startsWith("1.") && good.found().endsWith("CPUExecutionProvider"), good.found());
    }

    @Test
    void tellsWhatIsWrongWithItsSettings() {
        assertEquals(Diagnosis.problem("ONNX Runtime", "", "failed to convert 'many' to integral number"),
                diagnose(Map.of("default-max-batch-size", "many")));
    }

    private static Diagnosis diagnose(Map<String, String> settings) {
        BackendContext context = mock(BackendContext.class);
        when(context.settings()).thenReturn(settings);
        return new OnnxRuntimeBackendFactory().diagnose(context).getFirst();
    }
}
