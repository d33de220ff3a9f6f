package dev.nereid.isolation.settings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class IsolationSettingsTest {
    @Test
    void backendsSeeOnlyWhatIsTheirs() {
        IsolationSettings settings = IsolationSettings
                .of(Map.of("", Map.of("isolation", "process", "cmdline", "x"), "b",
                        Map.of("isolation", "none", "threads", "2")));
        assertEquals(Map.of("", Map.of("cmdline", "x"), "b", Map.of("threads", "2")), settings.rest());
        assertTrue(settings.of("a", Map.of()).isIsolated());
        assertFalse(settings.of("b", Map.of()).isIsolated());
        assertTrue(settings.of("b", Map.of("ISOLATION", "process")).isIsolated());
        assertFalse(settings.of("a", Map.of("ISOLATION", "none", "other", "1")).isIsolated());
    }

    @Test
    void everySettingIsRead() {
        WorkerSettings read = IsolationSettings.of(Map.of("b", Map.of("isolation", "process", "load-check", "process",
                "hang-limit", "7", "memory-limit", "2g", "crash-limit", "3/10", "restart-pause", "100",
                "worker-threads",
                "2", "worker-heap", "64m", "worker-options", " -Xlog:gc  -Dx=y "))).of("b",
                        Map.of("ISOLATION_GROUP", "g", "ISOLATION_HANG_LIMIT", "8"));
        assertEquals(new WorkerSettings(true, true, "g", Optional.of(Duration.ofSeconds(8)), Optional.of(2L << 30), 3,
                Duration.ofMinutes(10), Duration.ofMillis(100), Optional.of(2), "64m", List.of("-Xlog:gc", "-Dx=y")),
                read);
    }

    @Test
    void whatCantBeIsRefusedWithItsName() {
        Map<String, String> texts = Map.of("isolation", "thread", "hang-limit", "0", "memory-limit", "much",
                "crash-limit",
                "5", "restart-pause", "-1", "worker-threads", "0", "worker-heap", "-Xmx1g", "isolation-group", "a b",
                "load-check", "yes");
        texts.forEach((key, value) -> {
            String message = assertThrows(InferenceException.class,
                    () -> IsolationSettings.of(Map.of("b", Map.of(key, value)))).getMessage();
            assertTrue(message.startsWith("setting '" + key + "' of backend 'b' is '" + value + "', expected "),
                    message);
        });
        IsolationSettings none = IsolationSettings.of(Map.of());
        assertEquals("parameter 'ISOLATION' is 'thread', expected process or none",
                assertThrows(InferenceException.class, () -> none.of("b", Map.of("ISOLATION", "thread"))).getMessage());
        assertTrue(assertThrows(InferenceException.class, () -> none.of("b", Map.of("ISOLATION_GRUOP", "x")))
                .getMessage().startsWith("parameter 'ISOLATION_GRUOP' is not known, expected one of ISOLATION, "));
    }

    @Test
    void sizesThatMeanNothingAreRefused() {
        IsolationSettings none = IsolationSettings.of(Map.of());
        for (String size : List.of("0", "0g", "999999999999999g")) {
            assertEquals("parameter 'ISOLATION_MEMORY_LIMIT' is '" + size + "', expected a number of bytes above 0, or "
                    + "one with k, m or g, such as 2g",
                    assertThrows(InferenceException.class, () -> none.of("b", Map.of("ISOLATION_MEMORY_LIMIT", size)))
                            .getMessage());
        }
        assertEquals(Optional.of(1L << 30), none.of("b", Map.of("ISOLATION_MEMORY_LIMIT", "1G")).memoryLimit());
    }

    @Test
    void eachPauseIsTwiceTheLastUpToHalfAMinute() {
        WorkerSettings settings = IsolationSettings.of(Map.of()).of("b", Map.of());
        assertEquals(List.of(250L, 250L, 500L, 1_000L, 16_000L, 30_000L, 30_000L),
                List.of(0, 1, 2, 3, 7, 8, 1_000).stream().map(ends -> settings.pauseAfter(ends).toMillis()).toList());
        assertThrows(InferenceException.class,
                () -> IsolationSettings.of(Map.of("b", Map.of("restart-pause", "30001"))));
    }
}
