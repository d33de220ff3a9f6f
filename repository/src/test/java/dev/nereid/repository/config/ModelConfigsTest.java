package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Optimization;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.config.VersionPolicy;
import dev.nereid.backend.api.config.Warmup;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ModelConfigsTest {
    @Test
    void turnsEveryFieldIntoItsRecord() {
        var config = ModelConfigs.toRecord(ConfigReader.parseText(
                """
                        name: "m" platform: "p" backend: "b" runtime: "r" max_batch_size: 4
                        version_policy { specific { versions: [1, 2] } }
                        input { name: "I" data_type: TYPE_STRING dims: [-1] reshape { } format: FORMAT_NCHW optional: true }
                        output { name: "O" dims: 2 label_filename: "l" }
                        batch_input { kind: BATCH_ITEM_SHAPE target_name: "t" data_type: TYPE_INT32 source_input: "I" }
                        batch_output { target_name: "O" source_input: "I" }
                        optimization { graph { level: -1 } priority: PRIORITY_MIN input_pinned_memory { } eager_batching: true }
                        dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 preferred_batch_size: 4
                            default_queue_policy { timeout_action: DELAY max_queue_size: 4294967295 } }
                        instance_group { name: "g" kind: KIND_MODEL count: 2 profile: "0" passive: true
                            rate_limiter { priority: 2 resources { name: "x" global: true count: 3 } } }
                        default_model_filename: "f" cc_model_filenames { key: "8.6" value: "c" } metric_tags { key: "k" value: "v" }
                        parameters { key: "k" value { string_value: "v" } }
                        model_warmup { name: "w" batch_size: 1 inputs { key: "I" value { data_type: TYPE_STRING dims: 1 random_data: true } } }
                        model_operations { op_library_filename: "lib" } model_transaction_policy { decoupled: true }
                        model_repository_agents { agents { name: "a" } } response_cache { enable: true }
                        model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { buckets: 1 } } }
                        """));
        assertEquals(new VersionPolicy.Specific(List.of(1L, 2L)), config.versionPolicy());
        assertEquals(new ModelInput("I", Optional.of(DataType.BYTES), ModelInput.Format.NCHW, Dims.of(-1),
                Optional.of(Dims.of()), false, false, true, false), config.inputs().get(0));
        assertEquals(new ModelOutput("O", Optional.empty(), Dims.of(2), Optional.empty(), "l", false, false),
                config.outputs().get(0));
        assertEquals(-1, config.optimization().graphLevel());
        assertEquals(Optimization.Priority.MIN, config.optimization().priority());
        assertEquals(List.of(false, true),
                List.of(config.optimization().inputPinnedMemory(), config.optimization().outputPinnedMemory()));
        assertEquals(
                new Scheduling.DynamicBatching(List.of(4), Long.MAX_VALUE, false, 0, 0,
                        new QueuePolicy(QueuePolicy.TimeoutAction.DELAY, 0, false, Integer.MAX_VALUE), Map.of()),
                config.scheduling());
        InstanceGroup group = config.instanceGroups().get(0);
        assertEquals(InstanceGroup.Kind.MODEL, group.kind());
        assertEquals(new InstanceGroup.Resource("x", true, 3), group.rateLimiter().resources().get(0));
        assertTrue(group.isPassive());
        assertEquals(Map.of("8.6", "c"), config.ccModelFilenames());
        assertEquals(Map.of("k", "v"), config.parameters());
        assertEquals(Map.of("I", new Warmup.Input(DataType.BYTES, Dims.of(1), new Warmup.Source.Random())),
                config.warmups().get(0).inputs());
        assertEquals(List.of("lib"), config.operationLibraries());
        assertTrue(config.isDecoupled() && config.isResponseCacheEnabled());
        assertEquals(List.of(1.0), config.histogramBuckets().get(0).buckets());
    }

    @Test
    void keepsSequencesThroughRecords() {
        ModelConfig config = ConfigReader.parseText("""
                sequence_batching { oldest { max_candidate_sequences: 2 } max_sequence_idle_microseconds: 5
                  control_input { name: "S" control { int32_false_true: [0, 1] } }
                  control_input { name: "E" control { kind: CONTROL_SEQUENCE_END fp32_false_true: [0.5, 1] } }
                  control_input { name: "R" control { kind: CONTROL_SEQUENCE_READY bool_false_true: [false, true] } }
                  control_input { name: "C" control { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_STRING } }
                  state { input_name: "i" output_name: "o" data_type: TYPE_INT8 dims: 2
                    initial_state { name: "z" data_type: TYPE_INT8 dims: 2 data_file: "f" } } }
                """);
        ModelConfig.Builder written = ModelConfig.newBuilder();
        SchedulingRecords.write(ModelConfigs.toRecord(config).scheduling(), written);
        assertEquals(config, written.build());
    }

    @Test
    void refusesWarmupDataWithoutAType() {
        ModelConfig config = ConfigReader.parseText("model_warmup { name: 'w' inputs { key: 'I' value { } } }");
        assertThrows(InferenceException.class, () -> ModelConfigs.toRecord(config));
    }

    @Test
    void takesOverWhatABackendCompleted() {
        ModelConfig config = ConfigReader.parseText("name: 'm' backend: 'b' metric_tags { key: 'k' value: 'v' }");
        var completed = ModelConfigs.toRecord(config).toBuilder().maxBatchSize(4)
                .inputs(List.of(new ModelInput("I", DataType.FP32, Dims.of(-1, 3))))
                .outputs(List.of(new ModelOutput("O", DataType.BF16, Dims.of(1))))
                .scheduling(new Scheduling.DynamicBatching(List.of(), 0, false, 0, 0, QueuePolicy.DEFAULT, Map.of()))
                .isDecoupled(true).platform("ignored").build();

        ModelConfig merged = new ConfigLoader().complete(config, Optional.of(completed));

        assertEquals(ConfigNormalizer.fillDefaults(ConfigReader.parseText("""
                name: "m" backend: "b" metric_tags { key: "k" value: "v" } max_batch_size: 4
                input { name: "I" data_type: TYPE_FP32 dims: [-1, 3] } output { name: "O" data_type: TYPE_BF16 dims: 1 }
                dynamic_batching { } model_transaction_policy { decoupled: true }
                """), "m"), merged);
    }

    @Test
    void ignoresWhatABackendCompletedWithoutAutoComplete() {
        ModelConfig config = ConfigNormalizer.fillDefaults(ConfigReader.parseText("backend: 'b'"), "m");
        var completed = ModelConfigs.toRecord(config).toBuilder().maxBatchSize(4).build();
        assertEquals(config, new ConfigLoader(false, "").complete(config, Optional.of(completed)));
    }

    @Test
    void refusesABackendThatChangesTheScheduling() {
        ModelConfig config = ConfigReader.parseText("name: 'm' sequence_batching { }");
        var completed = ModelConfigs.toRecord(config).toBuilder()
                .scheduling(new Scheduling.DynamicBatching(List.of(), 0, false, 0, 0, QueuePolicy.DEFAULT, Map.of()))
                .build();

        var failure = assertThrows(InferenceException.class, () -> ModelConfigs.merge(config, completed));

        assertEquals("Cannot update scheduling choice from 13 to 11 when auto-completing.", failure.getMessage());
        assertEquals(StatusCode.INTERNAL, failure.code());
    }

    @Test
    void checksWhatABackendCompleted() {
        ModelConfig config = ConfigReader.parseText("name: 'm' backend: 'b'");
        var completed = ModelConfigs.toRecord(config).toBuilder()
                .inputs(List.of(new ModelInput("I", DataType.FP32, Dims.of(0)))).build();
        assertThrows(InferenceException.class, () -> new ConfigLoader().complete(config, Optional.of(completed)));
    }
}
