package dev.nereid.server.cli;

import dev.nereid.engine.EngineOptions.GpuOptions;
import dev.nereid.repository.config.Devices.ComputeCapability;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The flags that say how GPUs are used. */
final class GpuFlags {
    /** Set to anything, no GPU is used. */
    private static final String CPU_ONLY = "TRITON_SERVER_CPU_ONLY";
    private static final String CAPABILITY = "min-supported-compute-capability";
    private static final String POOL = "pinned-memory-pool-byte-size";
    private static final String LIMIT = "model-load-gpu-limit";
    private static final Pattern VERSION = Pattern.compile("(\\d{1,4})(?:\\.(\\d{1,4}))?");

    private GpuFlags() {
    }

    /**
     * Returns what the flags say.
     *
     * @throws UsageException when a value is wrong
     */
    static GpuOptions options(Map<String, List<String>> values, Map<String, String> environment) {
        return new GpuOptions(!environment.containsKey(CPU_ONLY), capability(text(values, CAPABILITY)),
                poolSize(text(values, POOL)), limits(values.getOrDefault(LIMIT, List.of())));
    }

    private static String text(Map<String, List<String>> values, String flag) {
        List<String> given = values.getOrDefault(flag, List.of());
        return given.isEmpty() ? FlagTable.get(flag).defaultValue() : given.getFirst();
    }

    private static ComputeCapability capability(String value) {
        Matcher version = VERSION.matcher(value);
        if (!version.matches()) {
            throw new UsageException("--" + CAPABILITY + " has value '" + value
                    + "', expected a compute capability such as 7.5");
        }
        return new ComputeCapability(Integer.parseInt(version.group(1)),
                version.group(2) == null ? 0 : Integer.parseInt(version.group(2)));
    }

    private static long poolSize(String value) {
        long size = FlagTable.number(POOL, value);
        if (size < 0) {
            throw new UsageException("--" + POOL + " has value " + size + ", expected 0 or more");
        }
        return size;
    }

    private static Map<Integer, Double> limits(List<String> given) {
        Map<Integer, Double> limits = new LinkedHashMap<>();
        for (String value : given) {
            UsageException wrong = new UsageException("--" + LIMIT + " has value '" + value
                    + "', expected <gpu>:<fraction>, the fraction from 0 to 1");
            String[] parts = value.split(":", -1);
            int gpu;
            double fraction;
            try {
                gpu = Integer.parseInt(parts[0]);
                fraction = parts.length == 2 ? Double.parseDouble(parts[1]) : Double.NaN;
            } catch (NumberFormatException e) {
                throw wrong;
            }
            if (gpu < 0 || !(fraction >= 0 && fraction <= 1)) {
                throw wrong;
            }
            if (limits.put(gpu, fraction) != null) {
                throw new UsageException("--" + LIMIT + " is given more than once for GPU " + gpu);
            }
        }
        return limits;
    }
}
