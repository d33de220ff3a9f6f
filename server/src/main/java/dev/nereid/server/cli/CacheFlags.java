package dev.nereid.server.cli;

import dev.nereid.engine.EngineOptions.CacheOptions;
import java.util.List;
import java.util.Map;

/** Reads the flags of the response cache. */
final class CacheFlags {
    static final String CONFIG = "cache-config";
    static final String BYTE_SIZE = "response-cache-byte-size";
    private static final String LOCAL = "local";
    private static final String FORMAT = "--cache-config option format is '<cache name>,<setting>=<value>'. Got ";

    private CacheFlags() {
    }

    static CacheOptions options(Map<String, List<String>> values) {
        List<String> settings = values.getOrDefault(CONFIG, List.of());
        List<String> sizes = values.getOrDefault(BYTE_SIZE, List.of());
        if (!settings.isEmpty() && !sizes.isEmpty()) {
            throw new UsageException(
                    "--response-cache-byte-size and --cache-config both provided, expected one of them");
        }
        if (!sizes.isEmpty()) {
            return new CacheOptions(size("--" + BYTE_SIZE, sizes.getLast()), false);
        }
        if (settings.isEmpty()) {
            return CacheOptions.NONE;
        }
        long size = 0;
        boolean isSingleFlight = false;
        for (String setting : settings) {
            int comma = setting.indexOf(',');
            if (comma < 0) {
                throw new UsageException("No cache specified. --cache-config option format is "
                        + "<cache name>,<setting>=<value>. Got " + setting);
            }
            String name = setting.substring(0, comma);
            if (!name.equals(LOCAL)) {
                throw new UsageException("--cache-config=" + setting + ": cache '" + name
                        + "' is not offered, expected 'local', which keeps responses in the server's memory");
            }
            int equals = setting.indexOf('=', comma);
            if (equals < 0) {
                throw new UsageException(FORMAT + setting);
            }
            String value = setting.substring(equals + 1);
            switch (setting.substring(comma + 1, equals)) {
                case "size" -> size = size("--" + CONFIG + "=" + setting, value);
                case "single-flight" -> isSingleFlight = isTrue(setting, value);
                default -> throw new UsageException("--cache-config=" + setting
                        + ": expected local,size=<bytes> or local,single-flight=<true|false>");
            }
        }
        if (size == 0) {
            throw new UsageException("--cache-config: the local cache needs local,size=<bytes>");
        }
        return new CacheOptions(size, isSingleFlight);
    }

    private static boolean isTrue(String setting, String value) {
        return switch (value) {
            case "true", "1" -> true;
            case "false", "0" -> false;
            default -> throw new UsageException("--cache-config=" + setting + ": expected true or false");
        };
    }

    private static long size(String flag, String value) {
        try {
            long size = Long.parseLong(value);
            if (size > 0) {
                return size;
            }
        } catch (NumberFormatException e) {
            // Told below, as a number that is none.
        }
        throw new UsageException(flag + ": expected a number of bytes above 0, got '" + value + "'");
    }
}
