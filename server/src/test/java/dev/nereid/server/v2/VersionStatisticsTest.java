package dev.nereid.server.v2;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.server.v2.VersionStatistics.Counter;
import dev.nereid.server.v2.VersionStatistics.Responses;
import java.util.List;
import org.junit.jupiter.api.Test;

class VersionStatisticsTest {
    @Test
    void tellsWhatBecameOfEachResponse() {
        ModelStatistics statistics = new ModelStatistics();
        statistics.recordResponse(0, 30, 4);
        statistics.recordLastResponse(1, null, 5);
        statistics.recordLastResponse(1, FailureReason.CANCELED, 6);
        statistics.recordLastResponse(1, FailureReason.BACKEND, 7);

        Counter none = new Counter(0, 0);
        assertEquals(
                List.of(new Responses(new Counter(1, 30), new Counter(1, 4), new Counter(1, 34), none, none, none),
                        new Responses(new Counter(2, 12), none, none, new Counter(1, 7), new Counter(1, 5),
                                new Counter(1, 6))),
                statistics.responses().values().stream().map(Responses::of).toList());
    }
}
