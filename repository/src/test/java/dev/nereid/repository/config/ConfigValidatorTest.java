package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every check with its text. Configurations are in text format; {@code ^} stands before the expected text. */
class ConfigValidatorTest {
    private static final String BASE = "name: 'm' backend: 'b' version_policy { latest { num_versions: 1 } } ";
    private static final String SEQUENCE = "sequence_batching { control_input { name: 'S' control { ";
    private static final Devices TWO_GPUS = new Devices(true,
            List.of(new Devices.Gpu(0, new Devices.ComputeCapability(8, 6)),
                    new Devices.Gpu(1, new Devices.ComputeCapability(9, 0)),
                    new Devices.Gpu(2, new Devices.ComputeCapability(5, 2))),
            new Devices.ComputeCapability(6, 0));

    @ParameterizedTest
    @CsvSource(delimiter = '^', quoteCharacter = '`', value = {
        "max_batch_size: -1 ^ 'max_batch_size' must be non-negative value for m",
        "max_batch_size: -2147483648 ^ 'max_batch_size' must be non-negative value for m",
        "max_batch_size: 4 dynamic_batching { preferred_batch_size: 0 } ^ dynamic batching preferred size must be positive for m",
        "max_batch_size: 4 dynamic_batching { preferred_batch_size: -1 } ^ dynamic batching preferred size must be positive for m",
        "max_batch_size: 4 dynamic_batching { preferred_batch_size: [4, 5] } ^ dynamic batching preferred size must be <= max batch size for m",
        "dynamic_batching { priority_levels: 3 } ^ default priority level must be in range [1, 3] for m",
        "dynamic_batching { priority_levels: 3 default_priority_level: 4 } ^ default priority level must be in range [1, 3] for m",
        "dynamic_batching { priority_levels: 18446744073709551615 } ^ default priority level must be in range [1, 18446744073709551615] for m",
        "dynamic_batching { priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 0 value { } } } ^ priority queue policy must have priority level in range [1, 2] for m",
        "dynamic_batching { priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 3 value { } } } ^ priority queue policy must have priority level in range [1, 2] for m",
        "dynamic_batching { priority_levels: 2 default_priority_level: 1 preserve_ordering: true } ^ Only one priority level is allowed when 'preserve_ordering' is true for m",
        "dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 1 } } ^ Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for m",
        "dynamic_batching { preserve_ordering: true priority_queue_policy { key: 1 value { timeout_action: DELAY default_timeout_microseconds: 1 } } } ^ Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for m",
        "sequence_batching { } response_cache { enable: true } ^ Response Cache does not currently support model m with sequence batching scheduler. Please disable the response cache.",
        "model_transaction_policy { decoupled: true } response_cache { enable: true } ^ Response Cache does not currently support model m with 'decoupled' transaction policy. Please disable the response cache.",
        "max_batch_size: 4 sequence_batching { oldest { preferred_batch_size: 0 } } ^ sequence batching preferred batch size must be positive for m",
        "max_batch_size: 4 sequence_batching { oldest { preferred_batch_size: 5 } } ^ sequence batching preferred batch size must be <= max batch size for m",
        "sequence_batching { direct { minimum_slot_utilization: -0.1 } } ^ sequence batching minimum slot utilization must be in range (0.0, 1.0] for m",
        "sequence_batching { direct { minimum_slot_utilization: 1.1 } } ^ sequence batching minimum slot utilization must be in range (0.0, 1.0] for m",
        "sequence_batching { direct { minimum_slot_utilization: nan } } ^ sequence batching minimum slot utilization must be in range (0.0, 1.0] for m",
        "model_metrics { metric_control { } } ^ metric control must specify 'metric_identifier'",
        "model_metrics { metric_control { metric_identifier { } } } ^ metric identifier must specify non-empty 'family'",
        "model_metrics { metric_control { metric_identifier { family: 'f' } } } ^ metric control must specify 'histogram_options'",
        "model_metrics { metric_control { metric_identifier { family: 'f' } histogram_options { } } } ^ histogram options must specify non-empty 'buckets'",
        "default_model_filename: '../x' ^ 'default_model_filename' of model 'm' is '../x', expected a path that stays within the model's directory",
        "cc_model_filenames { key: '8.6' value: '/x' } ^ 'cc_model_filenames' of model 'm' is '/x', expected a path that stays within the model's directory",
        "runtime: '../../lib.so' ^ 'runtime' of model 'm' is '../../lib.so', expected a path that stays within the model's directory",
        "model_warmup { inputs { key: 'I' value { input_data_file: '../x' } } } ^ 'input_data_file' of model 'm' is '../x', expected a path that stays within the model's directory",
        "sequence_batching { state { initial_state { data_file: '..' } } } ^ 'data_file' of model 'm' is '..', expected a path that stays within the model's directory",
        "ensemble_scheduling { } ^ ensemble scheduling cannot be set for model 'm' whose platform is not ensemble"})
    void checksTheGeneralPart(String text, String expected) {
        assertRefused(expected, () -> ConfigValidator.checkGeneral(ConfigReader.parseText(BASE + text)));
    }

    @Test
    void acceptsABatchInputThatNobodyGets() {
        assertDoesNotThrow(() -> ConfigValidator.checkTensors(ConfigReader.parseText(BASE + """
                input { name: 'I' data_type: TYPE_FP32 dims: 1 }
                output { name: 'O' data_type: TYPE_FP32 dims: 1 }
                batch_input { kind: BATCH_ELEMENT_COUNT source_input: 'I' data_type: TYPE_FP32 }
                """)));
    }

    @Test
    void refusesNamespacesOfModels() {
        assertRefused(
                "ensemble 'm' names namespace '/models' of model 'a', but with --model-namespacing the server finds "
                        + "it itself; remove 'model_namespace'",
                () -> ConfigValidator.checkGeneral(ConfigReader.parseText("""
                        name: 'm' platform: 'ensemble' version_policy { latest { num_versions: 1 } }
                        input { name: 'I' data_type: TYPE_FP32 dims: 1 }
                        output { name: 'O' data_type: TYPE_FP32 dims: 1 }
                        ensemble_scheduling { step { model_name: 'a' model_namespace: '/models'
                            input_map { key: 'I' value: 'I' } output_map { key: 'O' value: 'O' } } }
                        """)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '^', quoteCharacter = '`', value = {
        "runtime: 'model.py' ^ 'runtime' of model 'm' is 'model.py', but models written in Python can't be run by backend 'b'; export the model, and remove 'runtime'",
        "runtime: 'libtriton_other.so' ^ unable to find backend library 'libtriton_other.so' for model 'm'; backend 'b' is found by its name, remove 'runtime'",
        "batch_output { target_name: 'O' } ^ batch output kind 'BATCH_SCATTER_WITH_INPUT_SHAPE' expects 1 source input, got 0 for m",
        "batch_output { target_name: 'O' source_input: ['I', 'J'] } ^ batch output kind 'BATCH_SCATTER_WITH_INPUT_SHAPE' expects 1 source input, got 2 for m",
        "batch_input { target_name: 'O' data_type: TYPE_FP32 } ^ batch input kind 'BATCH_ELEMENT_COUNT' expects 1 source input, got 0 for m"})
    void checksWhatABackendReliesOn(String text, String expected) {
        assertRefused(expected, () -> ConfigLoader.withInstances(ConfigReader.parseText(BASE + text), Devices.NONE,
                BackendAttributes.DEFAULT));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "runtime: 'libtriton_b.so'", "runtime: 'b.jar'",
        "batch_input { source_input: 'I' data_type: TYPE_FP32 }"})
    void givesTheRestToTheBackend(String text) {
        assertDoesNotThrow(() -> ConfigLoader.withInstances(ConfigReader.parseText(BASE + text), Devices.NONE,
                BackendAttributes.DEFAULT));
    }

    @ParameterizedTest
    @ValueSource(strings = {"max_batch_size: 0", "max_batch_size: 2147483647",
        "max_batch_size: 4 dynamic_batching { preferred_batch_size: [1, 4] }",
        "dynamic_batching { priority_levels: 1 default_priority_level: 1 preserve_ordering: true }",
        "dynamic_batching { preserve_ordering: true default_queue_policy { timeout_action: DELAY } }",
        "dynamic_batching { priority_levels: 18446744073709551615 default_priority_level: 18446744073709551615 }",
        "sequence_batching { direct { minimum_slot_utilization: 0 } }",
        "sequence_batching { direct { minimum_slot_utilization: 1 } }", "response_cache { enable: true }",
        "response_cache { enable: false } sequence_batching { }",
        "default_model_filename: 'sub/model.pt' runtime: 'model.py'"})
    void acceptsTheBoundaries(String text) {
        assertDoesNotThrow(() -> ConfigValidator.checkGeneral(ConfigReader.parseText(BASE + text)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '^', quoteCharacter = '`', value = {"backend: 'b' ^ model configuration must specify 'name'",
        "name: 'm' ^ unexpected platform type '' for m",
        "name: 'm' platform: 'x' ^ unexpected platform type 'x' for m",
        "name: 'm' platform: 'ensemble' backend: 'b' ^ Ensemble model 'm' must have platform type 'ensemble' and empty backend type",
        "name: 'm' platform: 'tensorrt_plan' backend: 'pytorch' ^ unexpected 'platform' and 'backend' pair, got:tensorrt_plan, pytorch",
        "name: 'm' platform: 'pytorch' backend: 'pytorch' ^ unexpected 'platform' and 'backend' pair, got:pytorch, pytorch",
        "name: 'm' backend: 'tensorrt' ^ unexpected 'platform' and 'backend' pair, got:, tensorrt",
        "name: 'm' backend: 'b' ^ must specify 'version policy' for m",
        "name: 'm' platform: 'ensemble' version_policy { } ^ ensemble scheduling must be set for ensemble m whose platform is ensemble"})
    void checksNameAndBackend(String text, String expected) {
        assertRefused(expected, () -> ConfigValidator.checkGeneral(ConfigReader.parseText(text)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"platform: 'pytorch_libtorch' backend: 'pytorch'",
        "platform: 'torch_aoti' backend: 'pytorch'",
        "platform: 'pytorch_libtorch' backend: 'python'", "platform: 'anything' backend: 'custom'"})
    void acceptsPairs(String text) {
        assertDoesNotThrow(() -> ConfigValidator
                .checkGeneral(ConfigReader.parseText("name: 'm' version_policy { all { } } " + text)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '^', quoteCharacter = '`', value = {
        "sequence_batching { control_input { } } ^ sequence batching control tensor must have a name for m",
        "sequence_batching { control_input { name: 'S' } control_input { name: 'S' } } ^ sequence batching control tensor 'S' is specified for multiple control kinds for m",
        SEQUENCE + "int32_false_true: [0, 1] } control { fp32_false_true: [0, 1] } } } ^ sequence batching specifies multiple CONTROL_SEQUENCE_START tensors for m",
        SEQUENCE + "kind: CONTROL_SEQUENCE_READY } } } ^ sequence batching must specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for CONTROL_SEQUENCE_READY for m",
        SEQUENCE + "kind: CONTROL_SEQUENCE_END int32_false_true: [0, 1] bool_false_true: [false, true] } } } ^ sequence batching specifies more than one from 'int32_false_true', 'fp32_false_true' and 'bool_false_true' for CONTROL_SEQUENCE_END for m",
        SEQUENCE + "int32_false_true: [0] } } } ^ sequence batching control 'int32_false_true' must have exactly 2 entries for CONTROL_SEQUENCE_START for m",
        SEQUENCE + "fp32_false_true: [0, 1, 2] } } } ^ sequence batching control 'fp32_false_true' must have exactly 2 entries for CONTROL_SEQUENCE_START for m",
        SEQUENCE + "bool_false_true: [true] } } } ^ sequence batching control 'bool_false_true' must have exactly 2 entries for CONTROL_SEQUENCE_START for m",
        SEQUENCE + "kind: CONTROL_SEQUENCE_CORRID int32_false_true: [0, 1] } } } ^ sequence batching must not specify either 'int32_false_true', 'fp32_false_true' or 'bool_false_true' for CONTROL_SEQUENCE_CORRID for m",
        SEQUENCE + "kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_FP32 } } } ^ unexpected data type for control CONTROL_SEQUENCE_CORRID for m. Allowed data types are TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING"})
    void checksSequenceControls(String text, String expected) {
        assertRefused(expected, () -> ConfigValidator.checkGeneral(ConfigReader.parseText(BASE + text)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '^', quoteCharacter = '`', value = {
        "instance_group { name: 'g' kind: KIND_MODEL gpus: 0 } ^ instance group g of model m has kind KIND_MODEL but specifies one or more GPUs",
        "instance_group { name: 'g' kind: KIND_CPU gpus: 0 } ^ instance group g of model m has kind KIND_CPU but specifies one or more GPUs",
        "instance_group { name: 'g' kind: KIND_GPU } ^ instance group g of model m has kind KIND_GPU but server does not support GPUs",
        "instance_group { name: 'g' kind: KIND_CPU profile: 'x' } platform: 'p' ^ instance group g of model m and platform pspecifies profile field which is only supported for TensorRT models",
        "instance_group { name: 'g' kind: KIND_CPU profile: '' } platform: 'tensorrt_plan' ^ profile name must not be empty",
        "instance_group { name: 'g' kind: KIND_CPU profile: 'x' } platform: 'tensorrt_plan' ^ unable to parse 'x': stoi",
        "instance_group { name: 'g' kind: KIND_CPU profile: '99999999999' } platform: 'tensorrt_plan' ^ unable to parse '99999999999': stoi",
        "instance_group { name: 'g' kind: KIND_CPU profile: '-1' } platform: 'tensorrt_plan' ^ instance group g of model m and platform tensorrt_plan specifies invalid profile -1. The field should contain the string representation of a non-negative integer.",
        "`` ^ must specify one or more 'instance group's for m"})
    void checksInstanceGroups(String text, String expected) {
        assertRefused(expected,
                () -> ConfigValidator.checkInstanceGroups(ConfigReader.parseText("name: 'm' " + text), Devices.NONE));
    }

    @Test
    void checksGpus() {
        ModelConfig unsuitable = ConfigReader
                .parseText("name: 'm' instance_group { name: 'g' kind: KIND_GPU gpus: [0, 2] }");
        assertRefused("instance group g of model m specifies invalid or unsupported gpu id 2. GPUs with at least the "
                + "minimum required CUDA compute compatibility of 6.0 are: 0, 1",
                () -> ConfigValidator.checkInstanceGroups(unsuitable, TWO_GPUS));
        ModelConfig any = ConfigReader.parseText("name: 'm' instance_group { name: 'g' kind: KIND_GPU }");
        assertRefused("instance group g of model m has kind KIND_GPU but no GPUs are available",
                () -> ConfigValidator.checkInstanceGroups(any, new Devices(true, List.of(), TWO_GPUS.minimum())));
    }

    @Test
    void callsAnUnresolvedKindInternal() {
        ModelConfig config = ConfigReader.parseText("name: 'm' instance_group { name: 'g' }");
        var failure = assertThrows(InferenceException.class,
                () -> ConfigValidator.checkInstanceGroups(config, TWO_GPUS));
        assertEquals("Internal: instance group g of model m has unexpected kind KIND_AUTO", failure.reason());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '^', quoteCharacter = '`', value = {"input { } ^ model input must specify 'name'",
        "output { } ^ model output must specify 'name'",
        "input { name: 'I' } ^ model input 'I' must specify 'data_type'",
        "output { name: 'O' data_type: TYPE_FP32 } ^ model output 'O' must specify 'dims'",
        "input { name: 'I' data_type: TYPE_FP32 dims: 0 } ^ model input 'I' dimension must be integer >= 1, or -1 to indicate a variable-size dimension",
        "output { name: 'O' data_type: TYPE_FP32 dims: -2 } ^ model output 'O' dimension must be integer >= 1, or -1 to indicate a variable-size dimension",
        "input { name: 'I' data_type: TYPE_FP32 dims: 1 reshape { } } ^ model input 'I' cannot have empty reshape for non-batching model as scalar tensors are not supported",
        "max_batch_size: 1 input { name: 'I' data_type: TYPE_FP32 dims: 2 reshape { } } ^ model input 'I' has different size for dims and reshape",
        "input { name: 'I' data_type: TYPE_FP32 dims: 4 reshape { shape: 0 } } ^ model input 'I' reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension",
        "input { name: 'I' data_type: TYPE_FP32 dims: 4 reshape { shape: 5 } } ^ model input 'I' has different size for dims and reshape",
        "input { name: 'I' data_type: TYPE_FP32 dims: -1 reshape { shape: 5 } } ^ model input 'I' has different size for dims and reshape",
        "input { name: 'I' data_type: TYPE_FP32 dims: [2, -1] reshape { shape: [-1, 2] } } ^ model input 'I' has different size for dims and reshape",
        "input { name: 'I' data_type: TYPE_FP32 dims: [-1, 1] reshape { shape: [-1, -1] } } ^ model input 'I' has different number of variable-size dimensions for dims and reshape",
        "input { name: 'I' data_type: TYPE_FP32 dims: [4294967296, 4294967296] reshape { shape: 1 } } ^ model input 'I' has different size for dims and reshape",
        "input { name: 'I' data_type: TYPE_FP32 dims: 1 format: FORMAT_NHWC } ^ model input NHWC/NCHW require 3 dims",
        "input { name: 'I' data_type: TYPE_FP32 dims: 1 is_shape_tensor: true } ^ shape tensors are only supported for TensorRT platform",
        "output { name: 'O' data_type: TYPE_FP32 dims: 1 is_non_linear_format_io: true } ^ Non-linear IO format is only supported for the TensorRT platform",
        "platform: 'tensorrt_plan' input { name: 'I' data_type: TYPE_FP32 dims: 1 is_non_linear_format_io: true } ^ Non-linear IO format input requires 3 dims",
        "batch_input { data_type: TYPE_FP32 } ^ batch input kind 'BATCH_ELEMENT_COUNT' expects 1 source input, got 0",
        "batch_input { kind: BATCH_ITEM_SHAPE source_input: ['a', 'b'] } ^ batch input kind 'BATCH_ITEM_SHAPE' expects 1 source input, got 2",
        "batch_input { data_type: TYPE_INT64 source_input: 'I' } ^ batch input data type must be TYPE_INT32 or TYPE_FP32",
        "batch_input { data_type: TYPE_INT32 source_input: 'I' } ^ unknown source input name 'I'",
        "batch_output { } ^ batch output kind 'BATCH_SCATTER_WITH_INPUT_SHAPE' expects 1 source input, got 0",
        "input { name: 'I' data_type: TYPE_FP32 dims: 1 } batch_output { source_input: 'I' target_name: 'O' } ^ unknown target output name 'O'",
        "input { name: 'I' data_type: TYPE_FP32 dims: 1 } output { name: 'O' data_type: TYPE_FP32 dims: 1 } batch_output { source_input: 'I' target_name: ['O', 'O'] } ^ target output name 'O' can only be specified once"})
    void checksTensors(String text, String expected) {
        assertRefused(expected + " for m",
                () -> ConfigValidator.checkTensors(ConfigReader.parseText("name: 'm' " + text)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"dims: [2, 4, -1, 6] reshape { shape: [8, -1, 1, 6] }", "dims: [1, 1] reshape { }",
        "dims: 9223372036854775807", "dims: -1", "dims: [1, 2, 3] format: FORMAT_NCHW",
        "dims: [4294967296, 4294967296] reshape { shape: [4294967296, 1, 4294967296] }"})
    void acceptsShapes(String text) {
        assertDoesNotThrow(() -> ConfigValidator.checkTensors(ConfigReader
                .parseText("name: 'm' max_batch_size: 1 input { name: 'I' data_type: TYPE_FP32 " + text + " }")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '^', quoteCharacter = '`', value = {
        "instance_group { } ensemble_scheduling { } ^ instance group should not be specified for ensemble 'e'",
        "optimization { } ensemble_scheduling { } ^ optimization should not be specified for ensemble 'e'",
        "model_warmup { } ensemble_scheduling { } ^ model_warmup can not be specified for ensemble 'e'",
        "ensemble_scheduling { } ^ must specify 'step' for ensemble 'e'",
        "ensemble_scheduling { step { } } ^ must specify 'model_name' in step 0 of ensemble 'e'",
        "ensemble_scheduling { step { model_name: 'a' } } ^ must specify 'input_map' in step 0 of ensemble 'e'",
        "ensemble_scheduling { step { model_name: 'a' input_map { key: 'I' value: 'x' } } } ^ must specify 'output_map' in step 0 of ensemble 'e'",
        "ensemble_scheduling { step { model_name: '../a' input_map { key: 'I' value: 'x' } output_map { key: 'O' value: 'y' } } } input { name: 'x' } output { name: 'y' } ^ invalid model name '../a', model name must not contain path traversal characters",
        "ensemble_scheduling { step { model_name: 'a' input_map { key: 'I' value: 'x' } output_map { key: 'O' value: 'y' } output_map { key: 'P' value: 'y' } } } ^ ensemble tensor 'y' can appear in an output map only once for ensemble 'e' step 0",
        "input { name: 'z' } ensemble_scheduling { step { model_name: 'a' input_map { key: 'I' value: 'x' } output_map { key: 'O' value: 'y' } } } ^ ensemble input 'z' for ensemble e' is not used",
        "input { name: 'x' } output { name: 'z' } ensemble_scheduling { step { model_name: 'a' input_map { key: 'I' value: 'x' } output_map { key: 'O' value: 'y' } } } ^ ensemble output 'z' for ensemble e' is not used",
        "input { name: 'x' } output { name: 'y' } ensemble_scheduling { step { model_name: 'a' input_map { key: 'I' value: 'x' } input_map { key: 'J' value: 'w' } output_map { key: 'O' value: 'y' } } } ^ output 'y' for ensemble 'e' is not written: at least one of its depending tensors, 'w', is not connected",
        "input { name: 'x' } output { name: 'w' } ensemble_scheduling { step { model_name: 'a' input_map { key: 'I' value: 'x' } input_map { key: 'J' value: 'w' } output_map { key: 'O' value: 'y' } } } ^ output 'w' for ensemble 'e' is not written",
        "input { name: 'x' } output { name: 'y' } ensemble_scheduling { step { model_name: 'a' input_map { key: 'I' value: 'x' } output_map { key: 'O' value: 'y' } output_map { key: 'P' value: 'q' } } } ^ ensemble tensor 'q' is unused in ensemble 'e'"})
    void checksEnsembles(String text, String expected) {
        assertRefused(expected, () -> ConfigValidator.checkGeneral(
                ConfigReader.parseText("name: 'e' platform: 'ensemble' version_policy { all { } } " + text)));
    }

    @Test
    void warnsOfABatchStrategyForSequences() {
        assertEquals(List.of(), ConfigValidator.warnings(ConfigReader.parseText(BASE)));
        assertEquals(
                List.of("TRITON_BATCH_STRATEGY_PATH cannot be specified with sequence batcher, "
                        + "using default batching strategy"),
                ConfigValidator.warnings(ConfigReader.parseText(
                        BASE + "sequence_batching { } parameters { key: 'TRITON_BATCH_STRATEGY_PATH' value { } }")));
    }

    private static void assertRefused(String expected, Runnable check) {
        var failure = assertThrows(InferenceException.class, check::run);
        assertEquals(expected, failure.getMessage());
        assertEquals(StatusCode.INVALID_ARG, failure.code());
    }
}
