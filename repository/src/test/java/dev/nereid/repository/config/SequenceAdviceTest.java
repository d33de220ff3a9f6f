package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.Control;
import dev.nereid.backend.api.config.Scheduling.ControlInput;
import dev.nereid.backend.api.config.Scheduling.ControlKind;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Scheduling.Strategy;
import dev.nereid.backend.api.tensor.DataType;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class SequenceAdviceTest {
    private static final ControlInput READY = new ControlInput("READY",
            List.of(new Control(ControlKind.READY, DataType.INT32, 0, 1)));

    private static List<String> advice(int maxBatchSize, Strategy strategy, long idleMicros, Duration execution,
            ControlInput... controls) {
        return SequenceAdvice.of(ModelConfig.builder("m").maxBatchSize(maxBatchSize)
                .scheduling(new SequenceBatching(strategy, idleMicros, List.of(controls), List.of(), false)).build(),
                Optional.of(execution).filter(Duration::isPositive));
    }

    private static void assertOnly(String begin, List<String> advice) {
        assertEquals(1, advice.size(), advice::toString);
        assertTrue(advice.getFirst().startsWith(begin), advice::toString);
    }

    @Test
    void sensibleSettingsAreFine() {
        assertEquals(List.of(), advice(4, new Strategy.DirectSlots(0, 0), 1000, Duration.ZERO, READY));
        assertEquals(List.of(), advice(4, new Strategy.DirectSlots(10, 0.5f), 1000, Duration.ofNanos(999_999), READY));
        assertEquals(List.of(), advice(1, new Strategy.DirectSlots(0, 0), 1000, Duration.ZERO));
        assertEquals(List.of(), advice(4, new Strategy.Oldest(0, List.of(4), 10, false), 1000, Duration.ZERO));
        assertEquals(List.of(), SequenceAdvice.of(ModelConfig.builder("m").build(), Optional.empty()));
    }

    @Test
    void rowsWithoutARequestAreToBeTold() {
        assertOnly("there is no control input of kind CONTROL_SEQUENCE_READY",
                advice(2, new Strategy.DirectSlots(0, 0), 1000, Duration.ZERO));
    }

    @Test
    void aSequenceLastsLongerThanAnExecution() {
        assertOnly("max_sequence_idle_microseconds is 1000, but an execution takes 1000 microseconds",
                advice(1, new Strategy.DirectSlots(0, 0), 1000, Duration.ofMillis(1)));
        assertEquals(List.of(), advice(1, new Strategy.DirectSlots(0, 0), -1, Duration.ofDays(1)), "unsigned");
    }

    @Test
    void settingsWithoutEffectAreTold() {
        assertOnly("max_queue_delay_microseconds has no effect: a minimum_slot_utilization of 0",
                advice(2, new Strategy.DirectSlots(5, 0), 1000, Duration.ZERO, READY));
        assertOnly("minimum_slot_utilization has no effect",
                advice(2, new Strategy.DirectSlots(0, 0.5f), 1000, Duration.ZERO, READY));
        assertOnly("max_queue_delay_microseconds has no effect: with a max_batch_size of 1",
                advice(1, new Strategy.DirectSlots(5, 0.5f), 1000, Duration.ZERO));
        assertOnly("max_queue_delay_microseconds has no effect: with a max_batch_size of 0",
                advice(0, new Strategy.Oldest(3, List.of(), 5, false), 1000, Duration.ZERO));
        assertOnly("max_candidate_sequences is 3", advice(4, new Strategy.Oldest(3, List.of(4), 0, false), 1000,
                Duration.ZERO));
    }
}
