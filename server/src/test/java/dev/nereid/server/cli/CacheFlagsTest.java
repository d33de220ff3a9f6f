package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.engine.EngineOptions.CacheOptions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CacheFlagsTest {
    private static CacheOptions config(String... settings) {
        return CacheFlags.options(Map.of(CacheFlags.CONFIG, List.of(settings)));
    }

    private static String mistake(String... settings) {
        return assertThrows(UsageException.class, () -> config(settings)).getMessage();
    }

    @Test
    void thereIsNoCacheUnlessAskedFor() {
        assertEquals(CacheOptions.NONE, CacheFlags.options(Map.of()));
    }

    @Test
    void readsTheLocalCachesSettings() {
        assertEquals(new CacheOptions(4096, false), config("local,size=4096"));
        assertEquals(new CacheOptions(4096, true), config("local,single-flight=true", "local,size=4096"));
        assertEquals(new CacheOptions(512, false),
                CacheFlags.options(Map.of(CacheFlags.BYTE_SIZE, List.of("512"))));
    }

    @Test
    void saysWhatIsExpected() {
        assertEquals("No cache specified. --cache-config option format is <cache name>,<setting>=<value>. Got x",
                mistake("x"));
        assertEquals("--cache-config option format is '<cache name>,<setting>=<value>'. Got local,size",
                mistake("local,size"));
        assertEquals("--cache-config=local,size=0: expected a number of bytes above 0, got '0'",
                mistake("local,size=0"));
        assertEquals("--cache-config: the local cache needs local,size=<bytes>", mistake("local,single-flight=true"));
        assertEquals("--cache-config=local,x=1: expected local,size=<bytes> or local,single-flight=<true|false>",
                mistake("local,x=1"));
        assertEquals(
                "--cache-config=redis,host=h: cache 'redis' is not offered, expected 'local', which keeps responses in "
                        + "the server's memory",
                mistake("redis,host=h"));
        assertEquals("--response-cache-byte-size and --cache-config both provided, expected one of them",
                assertThrows(UsageException.class, () -> CacheFlags.options(Map.of(CacheFlags.BYTE_SIZE, List.of("1"),
                        CacheFlags.CONFIG, List.of("local,size=1")))).getMessage());
    }
}
