package dev.nereid.cache.redis;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RedisSettingsTest {
    private static final Map<String, String> ADDRESS = Map.of("host", "h", "port", "6379");

    private static String mistake(String key, String value) {
        Map<String, String> settings = new HashMap<>(ADDRESS);
        settings.put(key, value);
        return assertThrows(InferenceException.class, () -> RedisSettings.of(settings, Map.of())).getMessage();
    }

    @Test
    void anAddressIsEnough() {
        RedisSettings settings = RedisSettings.of(ADDRESS, Map.of());

        assertEquals("h:6379", settings.toString());
        assertEquals("default", settings.user());
        assertEquals(Optional.empty(), settings.password());
        assertEquals(100, settings.socketMillis());
        assertEquals(8, settings.connections());
    }

    @Test
    void saysThatThereIsNoAddress() {
        assertEquals(
                "Failed to initialize RedisCache, didn't specify address. Must at a minimum specify 'host' and 'port' in "
                        + "the configuration - e.g. --cache-config=redis,host=redis --cache-config=redis,port=6379",
                assertThrows(InferenceException.class, () -> RedisSettings.of(Map.of("host", "h"), Map.of()))
                        .getMessage());
    }

    @Test
    void userAndPasswordMayComeFromTheEnvironmentWhichSettingsOverrule() {
        Map<String, String> environment = Map.of("TRITONCACHE_REDIS_USERNAME", "u", "TRITONCACHE_REDIS_PASSWORD",
                "p");
        Map<String, String> settings = new HashMap<>(ADDRESS);
        settings.put("password", "other");

        assertEquals("u", RedisSettings.of(settings, environment).user());
        assertEquals(Optional.of("p"), RedisSettings.of(ADDRESS, environment).password());
        assertEquals(Optional.of("other"), RedisSettings.of(settings, environment).password());
    }

    @Test
    void mistakesNameTheKey() {
        assertEquals("--cache-config=redis,port: the setting has value 'x', expected a whole number from 1 to 65535",
                mistake("port", "x"));
        assertEquals(
                "--cache-config=redis,pool_size: the setting has value '0', expected a whole number from 1 to 1024",
                mistake("pool_size", "0"));
        assertEquals("--cache-config=redis,tls_enabled: the setting has value 'x', expected true or false",
                mistake("tls_enabled", "x"));
        assertEquals(
                "--cache-config=redis,hots: the setting is unknown, expected one of cacert, connect_timeout, db, host, "
                        + "password, pool_size, port, prefix, sni, socket_timeout, tls_enabled, user, wait_timeout, single-flight",
                mistake("hots", "x"));
        assertEquals(
                "--cache-config=redis,cert: the setting is not offered: clients log in with user and password, and "
                        + "'cacert' names one file",
                mistake("cert", "x"));
    }
}
