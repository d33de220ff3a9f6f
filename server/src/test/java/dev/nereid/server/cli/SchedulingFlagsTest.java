package dev.nereid.server.cli;

import dev.nereid.engine.EngineOptions.RateResource;
import dev.nereid.engine.EngineOptions.SchedulingOptions;
import dev.nereid.engine.HostPolicy;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

class SchedulingFlagsTest {
    @TempDir
    private Path repository;

    @Test
    void theRateLimiterIsOffUnlessAskedFor() {
        assertEquals(SchedulingOptions.DEFAULT, options(Map.of()));
        assertEquals(Optional.empty(), options(Map.of(), "--rate-limit=OFF").rateLimit());
        assertEquals(Optional.of(List.of()), options(Map.of(), "--rate-limit=Execution_Count").rateLimit());
    }

    @Test
    void resourcesAreForAllDevicesOrForOne() {
        assertEquals(
                Optional.of(List.of(new RateResource("R", 3, OptionalInt.empty()),
                        new RateResource("r", 4, OptionalInt.of(1)))),
                options(Map.of(), "--rate-limit=execution_count", "--rate-limit-resource=R:3",
                        "--rate-limit-resource", "r:4:1").rateLimit());
    }

    @ParameterizedTest
    @ValueSource(strings = {"R", "R:1:2:3", ":1"})
    void aResourceThatIsNoneShowsTheFormat(String value) {
        assertEquals("--rate-limit-resource option format is '<resource_name>:<count>:<device>' or "
                + "'<resource_name>:<count>'. Got " + value,
                mistake("--rate-limit=execution_count", "--rate-limit-resource=" + value));
    }

    @ParameterizedTest
    @CsvSource({"R:x, count, x", "R:-1, count, -1", "R:1:y, device, y", "R:1:-2, device, -2"})
    void aResourcesNumbersAreNumbers(String value, String what, String text) {
        assertEquals("--rate-limit-resource has value '" + value + "', expected a whole number of 0 or more as " + what
                + " instead of '" + text + "'",
                mistake("--rate-limit=execution_count", "--rate-limit-resource=" + value));
    }

    @Test
    void neitherTheModeNorResourcesWithoutItAreIgnored() {
        assertEquals("--rate-limit has value 'on', expected off or execution_count", mistake("--rate-limit=on"));
        assertEquals("--rate-limit-resource needs --rate-limit=execution_count", mistake("--rate-limit-resource=R:1"));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void settingsOfAPolicyAddUp() {
        assertEquals(
                Map.of("cpu", new HostPolicy(Optional.of("0-3,8-11"), OptionalInt.of(1)), "gpu_0",
                        new HostPolicy(Optional.empty(), OptionalInt.of(0))),
                options(Map.of(), "--host-policy=cpu,numa-node=1", "--host-policy=cpu,cpu-cores=0-3,8-11",
                        "--host-policy=gpu_0,numa-node=0").hostPolicies());
    }

    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cpu,numa-node", "cpu,numa-node=", "cpu,=1", ",numa-node=1", "numa-node=1"})
    void aPolicyThatIsNoneShowsTheFormat(String value) {
        assertEquals("--host-policy option format is '<policy name>,<setting>=<value>'. Got " + value,
                mistake("--host-policy=" + value));
    }

    @Test
    void aPolicyHasKnownSettingsWithFittingValues() {
        assertEquals("--host-policy has value 'cpu,cores=1', expected setting numa-node or cpu-cores",
                mistake("--host-policy=cpu,cores=1"));
        assertEquals("--host-policy has value 'cpu,numa-node=x', expected the number of a NUMA node instead of 'x'",
                mistake("--host-policy=cpu,numa-node=x"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"3", "3-", "-3", "a-b", "3-1", "0-99999", ""})
    void coresAreRanges(String range) {
        assertEquals(
                "host policy setting 'cpu-cores' format is '<lower_cpu_core_id>-<upper_cpu_core_id>'. Got " + range,
                mistake("--host-policy=cpu,cpu-cores=0-1," + range));
    }

    @Test
    void theEnvironmentSaysHowInstancesAreCreated() {
        String name = "TRITON_PARALLEL_INSTANCE_LOADING";
        assertEquals(Optional.of(true), options(Map.of(name, "1")).parallelInstanceLoading());
        assertEquals(Optional.of(false), options(Map.of(name, "0")).parallelInstanceLoading());
        assertEquals("the environment variable TRITON_PARALLEL_INSTANCE_LOADING has value 'yes', expected 0 or 1",
                assertThrows(UsageException.class, () -> options(Map.of(name, "yes"))).getMessage());
    }

    @ParameterizedTest
    @CsvSource({"12, 12", "0, 0"})
    void theEnvironmentSaysHowManyRequestsTheFirstBatchWaitsFor(String value, int requests) {
        assertEquals(requests, options(Map.of("TRITONSERVER_DELAY_SCHEDULER", value)).firstBatchAt());
        assertEquals(requests, options(Map.of("TRITONSERVER_BACKLOG_DELAY_SCHEDULER", value)).firstBacklogAt());
    }

    @ParameterizedTest
    @ValueSource(strings = {"-1", "many", ""})
    void howManyTheFirstBatchWaitsForIsANumber(String value) {
        assertEquals("the environment variable TRITONSERVER_DELAY_SCHEDULER has value '" + value
                + "', expected how many requests wait before a model's first batch is formed",
                assertThrows(UsageException.class, () -> options(Map.of("TRITONSERVER_DELAY_SCHEDULER", value)))
                        .getMessage());
    }

    private SchedulingOptions options(Map<String, String> environment, String... flags) {
        List<String> arguments = new ArrayList<>(List.of(flags));
        arguments.add("--model-repository=" + repository);
        return CommandLine.parse(arguments, environment).options(Path.of("backends")).engine().scheduling();
    }

    private String mistake(String... flags) {
        return String.valueOf(
                assertThrows(UsageException.class, () -> options(Map.of(), flags)).getMessage());
    }
}
