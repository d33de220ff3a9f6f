package dev.nereid.server.cli;

import dev.nereid.engine.EngineOptions.CacheOptions;
import dev.nereid.server.cli.Flag.Kind;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The flags of the response cache. */
final class CacheFlags {
    static final String CONFIG = "cache-config";
    static final String BYTE_SIZE = "response-cache-byte-size";
    static final String DIRECTORY = "cache-directory";
    private static final String SINGLE_FLIGHT = "single-flight";
    private static final String FORMAT = "--cache-config option format is '<cache name>,<setting>=<value>'. Got ";

    private CacheFlags() {
    }

    static void add(String group) {
        FlagTable.repeatable(CONFIG, group,
                "<cache>,<key>=<value>: keeps responses of models with response_cache. Caches: local (in memory; size=<bytes>) "
                        + "and plugins such as redis; <cache>,single-flight=true executes equal requests at the same time "
                        + "once.");
        FlagTable.add(DIRECTORY, Kind.TEXT, "", group, "Directory with caches that are plugins; default is that of the "
                + "installation.");
        FlagTable.add(BYTE_SIZE, Kind.TEXT, "", group, "Deprecated: --cache-config=local,size=<bytes>.");
    }

    /**
     * Reads the flags.
     *
     * @param defaultDirectory the caches that came with the server
     */
    static CacheOptions options(Map<String, List<String>> values, Path defaultDirectory) {
        List<String> settings = values.getOrDefault(CONFIG, List.of());
        List<String> sizes = values.getOrDefault(BYTE_SIZE, List.of());
        if (!settings.isEmpty() && !sizes.isEmpty()) {
            throw new UsageException(
                    "--response-cache-byte-size and --cache-config both provided, expected one of them");
        }
        Path directory = directory(values, defaultDirectory);
        if (!sizes.isEmpty()) {
            return CacheOptions.local(size("--" + BYTE_SIZE, sizes.getLast()));
        }
        if (settings.isEmpty()) {
            return CacheOptions.NONE;
        }
        String cache = "";
        Map<String, String> own = new LinkedHashMap<>();
        for (String setting : settings) {
            int comma = setting.indexOf(',');
            if (comma <= 0) {
                throw new UsageException("No cache specified. --cache-config option format is "
                        + "<cache name>,<setting>=<value>. Got " + setting);
            }
            int equals = setting.indexOf('=', comma);
            if (equals < 0) {
                throw new UsageException(FORMAT + setting);
            }
            String name = setting.substring(0, comma);
            if (!cache.isEmpty() && !cache.equals(name)) {
                throw new UsageException("--cache-config names caches '" + cache + "' and '" + name
                        + "', but a server has one; remove the settings of the other");
            }
            cache = name;
            own.put(setting.substring(comma + 1, equals), setting.substring(equals + 1));
        }
        boolean isSingleFlight = Optional.ofNullable(own.remove(SINGLE_FLIGHT))
                .map(CacheFlags::isTrue).orElse(false);
        if (cache.equals(CacheOptions.LOCAL)) {
            return local(own).withSingleFlight(isSingleFlight);
        }
        return new CacheOptions(cache, own, Optional.of(directory), Optional.empty(), isSingleFlight);
    }

    private static Path directory(Map<String, List<String>> values, Path defaultDirectory) {
        List<String> given = values.getOrDefault(DIRECTORY, List.of());
        if (given.isEmpty()) {
            return defaultDirectory;
        }
        if (given.getLast().isEmpty()) {
            throw new UsageException("--" + DIRECTORY + " must not be empty");
        }
        return CommandLine.path(DIRECTORY, given.getLast());
    }

    private static CacheOptions local(Map<String, String> settings) {
        for (String key : settings.keySet()) {
            if (!key.equals(CacheOptions.SIZE)) {
                throw new UsageException("--cache-config=local," + key + "=" + settings.get(key)
                        + ": expected local,size=<bytes> or local,single-flight=<true|false>");
            }
        }
        String size = settings.get(CacheOptions.SIZE);
        if (size == null) {
            throw new UsageException("--cache-config: the local cache needs local,size=<bytes>");
        }
        return CacheOptions.local(size("--" + CONFIG + "=local,size=" + size, size));
    }

    private static boolean isTrue(String value) {
        return switch (value) {
            case "true", "1" -> true;
            case "false", "0" -> false;
            default -> throw new UsageException(
                    "--cache-config: " + SINGLE_FLIGHT + " has value '" + value + "', expected true or false");
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
