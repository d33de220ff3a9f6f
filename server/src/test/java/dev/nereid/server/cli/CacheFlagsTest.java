package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.engine.EngineOptions.CacheOptions;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class CacheFlagsTest {
    private static final Path CACHES = Path.of("/opt/nereid/caches");

    private static CacheOptions config(String... settings) {
        return CacheFlags.options(Map.of(CacheFlags.CONFIG, List.of(settings)), CACHES);
    }

    private static String mistake(String... settings) {
        return String.valueOf(assertThrows(UsageException.class, () -> config(settings)).getMessage());
    }

    @Test
    void pluginsAreLookedForInTheDirectoryOfTheFlag() {
        assertEquals(Optional.of(Path.of("/somewhere")), CommandLine
                .parse(List.of("--model-repository=.", "--cache-config=redis,host=h", "--cache-directory=/somewhere"))
                .options(CACHES).engine().cache().directory());
    }

    @Test
    void thereIsNoCacheUnlessAskedFor() {
        assertEquals(CacheOptions.NONE, CacheFlags.options(Map.of(), CACHES));
    }

    @Test
    void readsTheLocalCachesSettings() {
        assertEquals(CacheOptions.local(4096), config("local,size=4096"));
        assertEquals(CacheOptions.local(4096).withSingleFlight(true),
                config("local,single-flight=true", "local,size=4096"));
        assertEquals(CacheOptions.local(512),
                CacheFlags.options(Map.of(CacheFlags.BYTE_SIZE, List.of("512")), CACHES));
    }

    @Test
    void givesPluginsTheirSettings() {
        assertEquals(
                new CacheOptions("redis", Map.of("host", "a,b", "port", "1"), Optional.of(CACHES), Optional.empty(),
                        true),
                config("redis,host=a,b", "redis,port=1", "redis,single-flight=true"));
        assertEquals(Optional.of(Path.of("/caches")), CacheFlags.options(Map.of(CacheFlags.CONFIG,
                List.of("redis,host=h"), CacheFlags.DIRECTORY, List.of("/caches")), CACHES).directory());
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
                "--cache-config names caches 'local' and 'redis', but a server has one; remove the settings of the "
                        + "other",
                mistake("local,size=1", "redis,host=h"));
        assertEquals("--cache-config: single-flight has value 'x', expected true or false",
                mistake("redis,single-flight=x"));
        assertEquals("--response-cache-byte-size and --cache-config both provided, expected one of them",
                assertThrows(UsageException.class, () -> CacheFlags.options(Map.of(CacheFlags.BYTE_SIZE, List.of("1"),
                        CacheFlags.CONFIG, List.of("local,size=1")), CACHES)).getMessage());
    }
}
