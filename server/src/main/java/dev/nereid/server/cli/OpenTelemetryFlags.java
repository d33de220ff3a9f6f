package dev.nereid.server.cli;

import dev.nereid.server.trace.OpenTelemetryOptions;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The settings {@code --trace-config=opentelemetry,<setting>=<value>}, and what the environment says in their place. */
final class OpenTelemetryFlags {
    static final String PREFIX = OpenTelemetryOptions.NAME + ",";
    private static final String FLAG = "--trace-config";
    private static final String DEFAULT_URL = "http://localhost:4318/v1/traces";
    private static final String URL = "url";
    private static final String RESOURCE = "resource";
    private static final String QUEUE = "bsp_max_queue_size";
    private static final String DELAY = "bsp_schedule_delay";
    private static final String BATCH = "bsp_max_export_batch_size";

    private final Map<String, String> given = new LinkedHashMap<>();
    private final Map<String, String> resource = new LinkedHashMap<>();

    OpenTelemetryFlags() {
    }

    /** Returns whether any was given. */
    boolean isGiven() {
        return !given.isEmpty() || !resource.isEmpty();
    }

    /** Takes one. */
    void set(String setting) {
        String pair = setting.substring(PREFIX.length());
        int equals = pair.indexOf('=');
        String name = equals < 1 ? "" : pair.substring(0, equals);
        String value = pair.substring(equals + 1);
        switch (name) {
            case URL, QUEUE, DELAY, BATCH -> given.put(name, value);
            case RESOURCE -> addTo(resource, value, () -> wrong(setting));
            default -> throw wrong(setting);
        }
    }

    private static UsageException wrong(String setting) {
        return new UsageException(FLAG + " has value '" + setting + "', expected opentelemetry,url=<address>, "
                + "opentelemetry,resource=<key>=<value>, opentelemetry,bsp_max_queue_size=<number>, "
                + "opentelemetry,bsp_schedule_delay=<milliseconds> or opentelemetry,bsp_max_export_batch_size=<number>");
    }

    /** Makes a complaint. */
    private interface Complaint {
        UsageException make();
    }

    private static void addTo(Map<String, String> attributes, String pair, Complaint otherwise) {
        int equals = pair.indexOf('=');
        if (equals < 1) {
            throw otherwise.make();
        }
        attributes.put(pair.substring(0, equals).strip(), pair.substring(equals + 1).strip());
    }

    /**
     * Returns the settings.
     *
     * @param plugins where the plugin is
     */
    OpenTelemetryOptions options(Map<String, String> environment, Path plugins) {
        int queue = number(QUEUE, "OTEL_BSP_MAX_QUEUE_SIZE", environment, 2048);
        int batch = number(BATCH, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", environment, 512);
        if (batch > queue) {
            throw new UsageException(FLAG + ": " + BATCH + " is " + batch + ", expected no more than " + QUEUE + ", "
                    + queue);
        }
        return new OpenTelemetryOptions(url(environment), resource(environment), queue,
                Duration.ofMillis(number(DELAY, "OTEL_BSP_SCHEDULE_DELAY", environment, 5000)), batch, plugins,
                environment);
    }

    private String url(Map<String, String> environment) {
        String url = Optional.ofNullable(given.get(URL))
                .or(() -> set(environment, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
                .or(() -> set(environment, "OTEL_EXPORTER_OTLP_ENDPOINT")
                        .map(base -> base + (base.endsWith("/") ? "" : "/") + "v1/traces"))
                .orElse(DEFAULT_URL);
        try {
            URI uri = URI.create(url);
            boolean isHttp = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
            if (isHttp && uri.getHost() != null) {
                return url;
            }
        } catch (IllegalArgumentException e) {
            // Told below.
        }
        throw new UsageException(
                FLAG + ": the trace collector's url is '" + url + "', expected http://<host>:<port>/v1/traces");
    }

    private Map<String, String> resource(Map<String, String> environment) {
        Map<String, String> attributes = new LinkedHashMap<>();
        attributes.put("service.name", "triton-inference-server");
        set(environment, "OTEL_RESOURCE_ATTRIBUTES").ifPresent(text -> {
            Complaint wrong = () -> new UsageException("OTEL_RESOURCE_ATTRIBUTES has value '" + text
                    + "', expected <key>=<value>[,<key>=<value>...], with %25 for a percent sign");
            for (String pair : text.split(",", -1)) {
                addTo(attributes, decoded(pair, wrong), wrong);
            }
        });
        set(environment, "OTEL_SERVICE_NAME").ifPresent(name -> attributes.put("service.name", name));
        attributes.putAll(resource);
        return attributes;
    }

    private static String decoded(String text, Complaint otherwise) {
        try {
            return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw otherwise.make();
        }
    }

    private int number(String name, String variable, Map<String, String> environment, int otherwise) {
        String value = given.get(name);
        String text = value == null ? set(environment, variable).orElse("") : value;
        if (text.isEmpty() && value == null) {
            return otherwise;
        }
        try {
            int number = Integer.parseInt(text);
            if (number > 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Told below.
        }
        throw new UsageException((value == null ? variable : FLAG + "=" + PREFIX + name) + " has value '" + text
                + "', expected a whole number from 1 to " + Integer.MAX_VALUE);
    }

    private static Optional<String> set(Map<String, String> environment, String name) {
        return Optional.ofNullable(environment.get(name)).filter(value -> !value.isBlank());
    }
}
