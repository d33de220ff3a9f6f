package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.config.ModelConfig;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BatchingAdviceTest {
    private static ModelConfig config(int maxBatchSize, String scheduling) {
        return ModelConfigs.toRecord(ConfigReader.parseText(
                "name: \"m\" backend: \"b\" max_batch_size: " + maxBatchSize + " " + scheduling));
    }

    private static List<String> advice(int maxBatchSize, String batching) {
        return BatchingAdvice.of(config(maxBatchSize, "dynamic_batching { " + batching + " }"), Optional.empty());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "preferred_batch_size: [ 8 ]", "preferred_batch_size: [ 2, 4 ]",
        "preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 99999",
        "preferred_batch_size: [ 8 ] max_queue_delay_microseconds: 999999",
        "max_queue_delay_microseconds: 500 default_queue_policy { default_timeout_microseconds: 501 max_queue_size: 8 }",
        "max_queue_delay_microseconds: 500 default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 9 }",
        "default_queue_policy { default_timeout_microseconds: 9 allow_timeout_override: true max_queue_size: 1 }"})
    void letsGoodSettingsBe(String batching) {
        assertEquals(List.of(), advice(8, batching));
    }

    @Test
    void warnsOfALongDelayWithPreferredSizes() {
        assertEquals(
                List.of("max_queue_delay_microseconds is 100000: a batch that reaches no preferred size waits that long"),
                advice(8, "preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100000"));
        assertEquals(
                List.of("max_queue_delay_microseconds is 1000000: a batch that is not full waits that long"),
                advice(8, "preferred_batch_size: [ 8 ] max_queue_delay_microseconds: 1000000"));
    }

    @Test
    void comparesTheDelayWithAnExecutionWhereItsTimeIsKnown() {
        ModelConfig config = config(8,
                "dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 2000 }");

        assertEquals(
                List.of("max_queue_delay_microseconds is 2000: a batch that reaches no preferred size waits that long, "
                        + "an execution takes 1500 microseconds"),
                BatchingAdvice.of(config, Optional.of(Duration.ofNanos(1_500_999))));
        assertEquals(List.of(), BatchingAdvice.of(config, Optional.of(Duration.ofMillis(3))));
    }

    @Test
    void warnsOfATimeoutThatEndsBeforeTheDelay() {
        assertEquals(
                List.of("default_queue_policy: default_timeout_microseconds of 500 is over before "
                        + "max_queue_delay_microseconds of 500: requests are rejected while their batch waits for company"),
                advice(8,
                        "max_queue_delay_microseconds: 500 default_queue_policy { default_timeout_microseconds: 500 }"));
    }

    @Test
    void warnsOfAQueueThatIsTooSmallForABatch() {
        assertEquals(
                List.of("priority_queue_policy 2: max_queue_size of 3 keeps requests of one row from ever filling a batch "
                        + "of 4, which waits for max_queue_delay_microseconds each time"),
                advice(8, "preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 500 priority_levels: 2 "
                        + "default_priority_level: 1 priority_queue_policy { key: 2 value { max_queue_size: 3 } }"));
    }

    @Test
    void warnsOfWhatHasNoEffect() {
        assertEquals(
                List.of("max_queue_delay_microseconds has no effect: with a max_batch_size of 0 requests are executed one "
                        + "by one",
                        "default_queue_policy: allow_timeout_override has no effect: a request can only shorten "
                                + "default_timeout_microseconds, which is 0"),
                advice(0, "max_queue_delay_microseconds: 500 default_queue_policy { allow_timeout_override: true }"));
    }

    @Test
    void hasNothingToSayWithoutDynamicBatching() {
        assertEquals(List.of(), BatchingAdvice.of(config(8, ""), Optional.empty()));
    }
}
