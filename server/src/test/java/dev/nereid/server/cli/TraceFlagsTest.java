package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.server.trace.OpenTelemetryOptions;
import dev.nereid.server.trace.TraceOptions;
import dev.nereid.engine.trace.TraceLevel;
import dev.nereid.engine.trace.TraceSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TraceFlagsTest {
    @Test
    void nothingIsTracedWhereNothingIsSaid() {
        assertEquals(TraceOptions.of(TraceSettings.DEFAULT, Optional.empty()), options());
    }

    @Test
    void everySettingCounts() {
        assertEquals(
                TraceOptions.of(new TraceSettings(Set.of(TraceLevel.TIMESTAMPS, TraceLevel.TENSORS), 5, 7, 3),
                        Optional.of(Path.of("x"))),
                options("--trace-config=triton,file=x", "--trace-config=triton,log-frequency=3",
                        "--trace-config=rate=5", "--trace-config=level=TIMESTAMPS", "--trace-config=level=TENSORS",
                        "--trace-config=count=7", "--trace-config=mode=triton"));
    }

    @Test
    void theOldFlagsMeanTheSame() {
        assertEquals(
                TraceOptions.of(new TraceSettings(Set.of(TraceLevel.TIMESTAMPS, TraceLevel.TENSORS), 5, 7, 3),
                        Optional.of(Path.of("x"))),
                options("--trace-file=x", "--trace-log-frequency=3", "--trace-rate=5", "--trace-level=TIMESTAMPS",
                        "--trace-level=TENSORS", "--trace-count=7"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--trace-config=level=TENSORS | a trace level is set, but no trace file; add --trace-config=triton,file=<path>",
        "--trace-config=mode=jaeger | --trace-config has mode 'jaeger', expected triton or opentelemetry",
        "--trace-config=opentelemetry,url=http://c | --trace-config: settings of mode opentelemetry are given, but the mode "
                + "is triton; add --trace-config=mode=opentelemetry",
        "--trace-config=opentelemetry,colour=red | --trace-config has value 'opentelemetry,colour=red', expected "
                + "opentelemetry,url=<address>, opentelemetry,resource=<key>=<value>, "
                + "opentelemetry,bsp_max_queue_size=<number>, opentelemetry,bsp_schedule_delay=<milliseconds> or "
                + "opentelemetry,bsp_max_export_batch_size=<number>",
        "--trace-config=level=ALL | --trace-config has level 'ALL', expected OFF, TIMESTAMPS or TENSORS",
        "--trace-config=rate=-1 | --trace-config has value 'rate=-1', expected a whole number from 0 to 2147483647",
        "--trace-config=colour=red | --trace-config has value 'colour=red', expected triton,file=<path>, "
                + "triton,log-frequency=<number>, opentelemetry,<setting>=<value>, rate=<number>, level=<level>, "
                + "count=<number>, mode=triton or mode=opentelemetry"})
    void aMistakeIsToldWithWhatWasExpected(String flag, String message) {
        assertEquals(message, assertThrows(UsageException.class, () -> options(flag)).getMessage());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "opentelemetry,bsp_max_queue_size=0 | --trace-config=opentelemetry,bsp_max_queue_size has value '0', expected a whole "
                + "number from 1 to 2147483647",
        "opentelemetry,bsp_max_queue_size=100 | --trace-config: bsp_max_export_batch_size is 512, expected no more than "
                + "bsp_max_queue_size, 100",
        "opentelemetry,url=collector:4318 | --trace-config: the trace collector's url is 'collector:4318', expected "
                + "http://<host>:<port>/v1/traces",
        "triton,file=x | --trace-config: settings of mode triton are given, but the mode is opentelemetry; remove them, or "
                + "mode=opentelemetry"})
    void aMistakeInTheModeOpenTelemetryIsToldToo(String setting, String message) {
        assertEquals(message, assertThrows(UsageException.class,
                () -> options("--trace-config=mode=opentelemetry", "--trace-config=" + setting)).getMessage());
    }

    @Test
    void tracesGoToTheUsualCollectorWhereNothingIsSaid() {
        OpenTelemetryOptions options = options("--trace-config=mode=opentelemetry").openTelemetry().orElseThrow();

        assertEquals(new OpenTelemetryOptions("http://localhost:4318/v1/traces",
                Map.of("service.name", "triton-inference-server"), 2048, Duration.ofSeconds(5), 512, Path.of("tracing"),
                Map.of()), options);
    }

    @Test
    void everySettingOfOpenTelemetryCounts() {
        OpenTelemetryOptions options = options("--trace-config=mode=opentelemetry", "--trace-config=rate=0",
                "--trace-config=opentelemetry,url=https://c:1/x", "--trace-config=opentelemetry,resource=a=b=c",
                "--trace-config=opentelemetry,resource=service.name=mine",
                "--trace-config=opentelemetry,bsp_max_queue_size=7",
                "--trace-config=opentelemetry,bsp_schedule_delay=8",
                "--trace-config=opentelemetry,bsp_max_export_batch_size=6").openTelemetry().orElseThrow();

        assertEquals(new OpenTelemetryOptions("https://c:1/x", Map.of("service.name", "mine", "a", "b=c"), 7,
                Duration.ofMillis(8), 6, Path.of("tracing"), Map.of()), options);
    }

    @Test
    void theEnvironmentOfOpenTelemetryCountsWhereNoFlagDoes() {
        Map<String, String> environment = Map.of("OTEL_BSP_MAX_QUEUE_SIZE", "10", "OTEL_BSP_SCHEDULE_DELAY", "20",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5", "OTEL_RESOURCE_ATTRIBUTES", "team=a%20b,service.name=x",
                "OTEL_SERVICE_NAME", "y", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
        OpenTelemetryOptions options = options(environment, "--trace-config=mode=opentelemetry",
                "--trace-config=opentelemetry,bsp_schedule_delay=30").openTelemetry().orElseThrow();

        assertEquals(new OpenTelemetryOptions("http://c:4318/v1/traces", Map.of("service.name", "y", "team", "a b"), 10,
                Duration.ofMillis(30), 5, Path.of("tracing"), environment), options);
    }

    @Test
    void theCollectorForTracesGoesBeforeTheOneForAll() {
        assertEquals("http://traces:1/x", options(Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:1/x"), "--trace-config=mode=opentelemetry")
                .openTelemetry().orElseThrow().url());
    }

    @ParameterizedTest
    @ValueSource(strings = {"team", "team=100%", "a=b,,c=d"})
    void attributesThatAreNoneAreRefused(String text) {
        assertEquals("OTEL_RESOURCE_ATTRIBUTES has value '" + text
                + "', expected <key>=<value>[,<key>=<value>...], with %25 for a percent sign",
                assertThrows(UsageException.class, () -> options(Map.of("OTEL_RESOURCE_ATTRIBUTES", text),
                        "--trace-config=mode=opentelemetry")).getMessage());
    }

    private static TraceOptions options(String... flags) {
        return options(Map.of(), flags);
    }

    private static TraceOptions options(Map<String, String> environment, String... flags) {
        return TraceFlags.options(FlagTable.parse(List.of(flags)), environment, Path.of("tracing"));
    }
}
