package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.when;

import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.Diagnosis;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;
import org.junit.jupiter.api.Test;

final class PluginTest {
    @Test
    void listsTheFactoryForTheServerToFind() throws IOException {
        String name = OnnxRuntimeBackendFactory.class.getName();
        ClassLoader loader = OnnxRuntimeBackendFactory.class.getClassLoader();

        boolean isListed = false;
        for (URL index : Collections.list(loader.getResources("META-INF/extensions.idx"))) {
            try (InputStream content = index.openStream()) {
                isListed |= new String(content.readAllBytes(), StandardCharsets.UTF_8).lines().anyMatch(name::equals);
            }
        }
        assertTrue(isListed);
    }

    @Test
    void isNamedLikeItsDirectory() {
        assertEquals("onnxruntime", new OnnxRuntimeBackendFactory().name());
    }

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
