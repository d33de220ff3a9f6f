package dev.nereid.backend.api.testkit;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.BackendFactory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.stream.Stream;
import org.pf4j.Extension;

/** What makes a factory one that a server finds and accepts. */
final class FactoryContract {
    private FactoryContract() {
    }

    static void check(BackendFactory factory) {
        Class<?> type = factory.getClass();

        assertTrue(Modifier.isPublic(type.getModifiers()), "the factory's class must be public");
        assertTrue(type.isAnnotationPresent(Extension.class), "the factory must be annotated with @Extension");
        assertTrue(isListed(type), "META-INF/extensions.idx must name the factory, or no server finds it; compile with "
                + "pf4j as annotation processor");
        assertTrue(Stream.of(type.getConstructors()).anyMatch(constructor -> constructor.getParameterCount() == 0),
                "the factory must have a public constructor without parameters");
        assertFalse(factory.name().isBlank(), "the factory must have a name");
        assertTrue(new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR).canRun(factory.builtFor()),
                "the factory says it was built for API version " + factory.builtFor());
    }

    private static boolean isListed(Class<?> factory) {
        try {
            for (URL index : Collections.list(factory.getClassLoader().getResources("META-INF/extensions.idx"))) {
                try (InputStream content = index.openStream()) {
                    if (new String(content.readAllBytes(), StandardCharsets.UTF_8).lines()
                            .anyMatch(factory.getName()::equals)) {
                        return true;
                    }
                }
            }
            return false;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
