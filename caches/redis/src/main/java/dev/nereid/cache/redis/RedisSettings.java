package dev.nereid.cache.redis;

import dev.nereid.backend.api.InferenceException;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Where the Redis server is, and how long it is waited for.
 *
 * @param host its name or address
 * @param port its port
 * @param user who to log in as
 * @param password the password; empty where none is asked for
 * @param database its number
 * @param prefix what keys begin with
 * @param connectMillis how long a connection may take
 * @param socketMillis how long an answer may take
 * @param waitMillis how long a look-up waits for a free connection
 * @param connections how many there are at most
 * @param isEncrypted whether to use TLS
 * @param authorities a PEM file with the certificates to trust; empty for those of the JVM
 * @param serverName the name that the server's certificate is to have; empty for the host
 */
record RedisSettings(String host, int port, String user, Optional<String> password, int database, String prefix,
        int connectMillis, int socketMillis, int waitMillis, int connections, boolean isEncrypted,
        Optional<String> authorities, Optional<String> serverName) {
    private static final Set<String> KEYS = new TreeSet<>(Set.of("host", "port", "user", "password", "db", "prefix",
            "connect_timeout", "socket_timeout", "wait_timeout", "pool_size", "tls_enabled", "cacert", "sni"));
    private static final Set<String> NOT_OFFERED = Set.of("cert", "key", "cacert_dir");

    /**
     * Reads settings; user and password may come from the environment.
     *
     * @throws InferenceException with the key that is wrong
     */
    static RedisSettings of(Map<String, String> settings, Map<String, String> environment) {
        for (String key : new TreeSet<>(settings.keySet())) {
            if (NOT_OFFERED.contains(key)) {
                throw wrong(key, "is not offered: clients log in with user and password, and 'cacert' names one file");
            }
            if (!KEYS.contains(key)) {
                throw wrong(key, "is unknown, expected one of " + String.join(", ", KEYS) + ", single-flight");
            }
        }
        if (!settings.containsKey("host") || !settings.containsKey("port")) {
            throw InferenceException
                    .invalid("Failed to initialize RedisCache, didn't specify address. Must at a minimum "
                            + "specify 'host' and 'port' in the configuration - e.g. --cache-config=redis,host=redis "
                            + "--cache-config=redis,port=6379");
        }
        return new RedisSettings(text(settings, "host").orElseThrow(() -> wrong("host", "must not be empty")),
                number(settings, "port", 0, 1, 65535),
                text(settings, "user").or(() -> text(environment, "TRITONCACHE_REDIS_USERNAME")).orElse("default"),
                text(settings, "password").or(() -> text(environment, "TRITONCACHE_REDIS_PASSWORD")),
                number(settings, "db", 0, 0, Integer.MAX_VALUE), settings.getOrDefault("prefix", "nereid:"),
                number(settings, "connect_timeout", 1000, 1, 60_000),
                number(settings, "socket_timeout", 100, 1, 60_000), number(settings, "wait_timeout", 100, 0, 60_000),
                number(settings, "pool_size", 8, 1, 1024), flag(settings, "tls_enabled"), text(settings, "cacert"),
                text(settings, "sni"));
    }

    private static InferenceException wrong(String key, String what) {
        return InferenceException.invalid("--cache-config=redis," + key + ": the setting " + what);
    }

    private static Optional<String> text(Map<String, String> values, String key) {
        return Optional.ofNullable(values.get(key)).filter(value -> !value.isEmpty());
    }

    private static boolean flag(Map<String, String> settings, String key) {
        String value = settings.getOrDefault(key, "false");
        return switch (value) {
            case "true", "1" -> true;
            case "false", "0" -> false;
            default -> throw wrong(key, "has value '" + value + "', expected true or false");
        };
    }

    private static int number(Map<String, String> settings, String key, int otherwise, int least, int most) {
        String value = settings.get(key);
        if (value == null) {
            return otherwise;
        }
        try {
            int number = Integer.parseInt(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Told below, as a number that is none.
        }
        throw wrong(key, "has value '" + value + "', expected a whole number from " + least + " to " + most);
    }

    /** Says where the server is, without the password. */
    @Override
    public String toString() {
        return host + ":" + port;
    }
}
