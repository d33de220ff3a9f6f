package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.server.trace.TraceOptions;
import dev.nereid.engine.trace.TraceLevel;
import dev.nereid.engine.trace.TraceSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TraceFlagsTest {
    @Test
    void nothingIsTracedWhereNothingIsSaid() {
        assertEquals(new TraceOptions(TraceSettings.DEFAULT, Optional.empty()), options());
    }

    @Test
    void everySettingCounts() {
        assertEquals(
                new TraceOptions(new TraceSettings(Set.of(TraceLevel.TIMESTAMPS, TraceLevel.TENSORS), 5, 7, 3),
                        Optional.of(Path.of("x"))),
                options("--trace-config=triton,file=x", "--trace-config=triton,log-frequency=3",
                        "--trace-config=rate=5", "--trace-config=level=TIMESTAMPS", "--trace-config=level=TENSORS",
                        "--trace-config=count=7", "--trace-config=mode=triton"));
    }

    @Test
    void theOldFlagsMeanTheSame() {
        assertEquals(
                new TraceOptions(new TraceSettings(Set.of(TraceLevel.TIMESTAMPS, TraceLevel.TENSORS), 5, 7, 3),
                        Optional.of(Path.of("x"))),
                options("--trace-file=x", "--trace-log-frequency=3", "--trace-rate=5", "--trace-level=TIMESTAMPS",
                        "--trace-level=TENSORS", "--trace-count=7"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "--trace-config=level=TENSORS | a trace level is set, but no trace file; add --trace-config=triton,file=<path>",
        "--trace-config=mode=opentelemetry | --trace-config: mode opentelemetry is not offered, use mode=triton, which "
                + "writes traces to a file",
        "--trace-config=level=ALL | --trace-config has level 'ALL', expected OFF, TIMESTAMPS or TENSORS",
        "--trace-config=rate=-1 | --trace-config has value 'rate=-1', expected a whole number from 0 to 2147483647",
        "--trace-config=colour=red | --trace-config has value 'colour=red', expected triton,file=<path>, "
                + "triton,log-frequency=<number>, rate=<number>, level=<level>, count=<number> or mode=triton"})
    void aMistakeIsToldWithWhatWasExpected(String flag, String message) {
        assertEquals(message, assertThrows(UsageException.class, () -> options(flag)).getMessage());
    }

    private static TraceOptions options(String... flags) {
        return TraceFlags.options(FlagTable.parse(List.of(flags)));
    }
}
