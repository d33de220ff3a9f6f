package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import org.junit.jupiter.api.Test;

final class PluginTest {
    @Test
    void listsTheFactoryForTheServerToFind() throws IOException {
        String name = TensorRtBackendFactory.class.getName();
        ClassLoader loader = TensorRtBackendFactory.class.getClassLoader();

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
        assertEquals("tensorrt", new TensorRtBackendFactory().name());
    }
}
