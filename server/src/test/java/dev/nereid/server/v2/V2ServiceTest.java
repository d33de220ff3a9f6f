package dev.nereid.server.v2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.engine.trace.TraceSettings;
import dev.nereid.engine.trace.Tracer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** What a front end without JSON gets to see, on a server without models. */
class V2ServiceTest {
    @AutoClose
    private final Engine engine;
    @AutoClose
    private final Tracer tracer = Tracer.create(TraceSettings.DEFAULT, Optional.empty());
    @AutoClose
    private final ClientSharedMemory regions;
    private final V2Service service;

    V2ServiceTest(@TempDir Path directory) {
        GpuDriver driver = GpuDriver.none("this is a test");
        engine = Engine.create(EngineOptions.DEFAULT.with(
                EngineOptions.RepositoryOptions.DEFAULT.withDirectories(List.of(directory))), driver);
        regions = new ClientSharedMemory(directory, driver);
        service = new V2Service(new V2Service.Options("name", "1", false), engine,
                tracer, regions,
                LogControl.fixed(new LogOptions(true, true, true, 0, false, Optional.empty())));
        assertTrue(engine.start().isEmpty());
    }

    private static void refused(StatusCode code, String text, Executable call) {
        InferenceException failure = assertThrows(InferenceException.class, call);
        assertEquals(text, failure.getMessage());
        assertEquals(code, failure.code());
    }

    @Test
    void isLiveUntilThereIsTrouble() {
        assertTrue(service.isLive());
        service.liveUnless(() -> Optional.of("the port is closed"));

        refused(StatusCode.UNAVAILABLE, "the port is closed", service::isLive);
    }

    @Test
    void tellsThatItIsAboutToEnd() {
        assertTrue(service.isReady());
        engine.beginStop();

        refused(StatusCode.UNAVAILABLE, "Server exiting", service::isLive);
        refused(StatusCode.UNAVAILABLE, "Server exiting", service::isReady);
    }

    @Test
    void aModelThatThereIsNotIsNotReady() {
        assertFalse(service.isModelReady("m", OptionalLong.empty()));
        refused(StatusCode.NOT_FOUND, "Request for unknown model: 'm' is not found",
                () -> service.modelMetadata("m", OptionalLong.empty()));
        refused(StatusCode.INVALID_ARG, "requested model 'm' is not available",
                () -> service.statistics("m", OptionalLong.of(1)));
        assertEquals(List.of(), service.statistics("", OptionalLong.empty()));
    }

    @Test
    void refusesToLoadWithoutAName() {
        refused(StatusCode.INVALID_ARG, "Model name cannot be empty. Please enter a valid name to deploy.",
                () -> service.load("", new LoadParameters()));
    }

    @Test
    void refusesTheNameOfARepository() {
        service.checkNoRepository("");
        refused(StatusCode.UNSUPPORTED, "'repository_name' specification is not supported",
                () -> service.checkNoRepository("r"));
    }

    @Test
    void eachDialectHasItsWordsForACountThatIsTooSmall() {
        Map<String, List<String>> change = Map.of("trace_count", List.of("-2"));

        refused(StatusCode.INVALID_ARG, "Unable to parse 'trace_count'. Expecting value >= -1, got:-2",
                () -> service.traces().change("", change, Dialect.HTTP));
        refused(StatusCode.INVALID_ARG, "Unable to parse 'trace_count'. Expecting value >= -1, got: -2",
                () -> service.traces().change("", change, Dialect.GRPC));
    }

    @Test
    void onlyGrpcTakesMinusOneForTheLargestRate() {
        Map<String, List<String>> change = Map.of("trace_rate", List.of("-1"));

        refused(StatusCode.INVALID_ARG,
                "Unable to parse 'trace_rate', value is out of range [ 0, 4294967295 ], got: -1",
                () -> service.traces().change("", change, Dialect.HTTP));
        assertEquals(List.of("4294967295"), service.traces().change("", change, Dialect.GRPC).get("trace_rate"));
    }

    @Test
    void anEmptyListLetsATraceSettingFallBack() {
        service.traces().change("", Map.of("trace_count", List.of("5")), Dialect.GRPC);
        assertEquals(List.of("5"), service.traces().settings("").get("trace_count"));

        service.traces().change("", Map.of("trace_count", List.of()), Dialect.GRPC);

        assertEquals(List.of("-1"), service.traces().settings("").get("trace_count"));
    }

    @Test
    void refusesSeveralValuesOfATraceSetting() {
        refused(StatusCode.INVALID_ARG, "expect only 1 value for 'log_frequency'",
                () -> service.traces().change("", Map.of("log_frequency", List.of("1", "2")), Dialect.GRPC));
    }

    @Test
    void refusesTraceSettingsOfAnUnknownModel() {
        refused(StatusCode.INVALID_ARG, "Request for unknown model : m", () -> service.traces().settings("m"));
    }

    @Test
    void eachDialectHasItsNameForTheFormatOfTheLog() {
        LogChange change = new LogChange(false, Optional.empty(), Optional.empty(), Optional.empty(),
                Optional.empty(), Optional.of("x"));

        refused(StatusCode.UNAVAILABLE, "invalid argument for --log_format, got: x",
                () -> service.logs().change(change, Dialect.HTTP));
        refused(StatusCode.INVALID_ARG, "invalid argument for log_format, got: x",
                () -> service.logs().change(change, Dialect.GRPC));
    }

    @Test
    void aChangeOfTheLogThatChangesNothingNeedsNoPermission() {
        LogChange same = new LogChange(false, Optional.of(true), Optional.empty(), Optional.empty(), Optional.of(0),
                Optional.of("default"));

        assertEquals(new LogSettings("", true, true, true, 0, "default"),
                service.logs().change(same, Dialect.GRPC));
    }

    @Test
    void registersNoSharedMemoryWhereThatIsNotAllowed() {
        String disabled = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.";

        refused(StatusCode.UNSUPPORTED, disabled, () -> service.sharedMemory().registerSystem("r", "/k", 0, 1));
        refused(StatusCode.UNSUPPORTED, disabled, () -> service.sharedMemory().unregisterCuda(""));
        assertEquals(List.of(), service.sharedMemory().systemStatus(""));
    }

    @Test
    void aRestrictionAsksForItsValue() {
        Restriction restriction = new Restriction("key", "value");

        assertTrue(restriction.admits(Optional.of("value")));
        assertFalse(restriction.admits(Optional.of("valu")));
        assertFalse(restriction.admits(Optional.empty()));
    }
}
