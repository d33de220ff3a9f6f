package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UnusedSettingsTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "pytorch | optimization { graph { level: 1 } } | optimization.graph has no effect, backend 'pytorch' does not use it",
        "identity | optimization { execution_accelerators { } } | optimization.execution_accelerators has no effect, backend 'identity' does not use it",
        "onnxruntime | optimization { priority: PRIORITY_MAX } | optimization.priority has no effect, backend 'onnxruntime' does not use it",
        "pytorch | optimization { cuda { graphs: true } } | optimization.cuda has no effect, backend 'pytorch' does not use it",
        "pytorch | optimization { input_pinned_memory { enable: false } } | optimization.input_pinned_memory has no effect, backend 'pytorch' does not use it",
        "pytorch | optimization { output_pinned_memory { enable: false } } | optimization.output_pinned_memory has no effect, backend 'pytorch' does not use it",
        "pytorch | optimization { gather_kernel_buffer_threshold: 1 } | optimization.gather_kernel_buffer_threshold has no effect, backend 'pytorch' does not use it",
        "pytorch | optimization { eager_batching: true } | optimization.eager_batching has no effect, backend 'pytorch' does not use it",
        "tensorrt | model_operations { op_library_filename: 'x.so' } | model_operations has no effect, backend 'tensorrt' does not use it",
        "pytorch | instance_group { secondary_devices { device_id: 1 } } | instance_group.secondary_devices has no effect, backend 'pytorch' does not use it",
        "onnxruntime | input { format: FORMAT_NCHW } | input.format has no effect, backend 'onnxruntime' does not use it",
        "any | model_metrics { metric_control { metric_identifier { family: 'nv_inference_first_response_histogram' } } } | model_metrics for family 'nv_inference_first_response_histogram' has no effect, it has no buckets to choose; did you mean 'nv_inference_first_response_histogram_ms'?",
        "any | model_metrics { metric_control { metric_identifier { family: 'f' } } } | model_metrics for family 'f' has no effect, it has no buckets to choose, nv_inference_first_response_histogram_ms has",
        "any | batch_input { source_input: 'I' } | batch_input of kind BATCH_ELEMENT_COUNT has no effect, it names no target",
        "any | batch_output { source_input: 'I' } | batch_output of kind BATCH_SCATTER_WITH_INPUT_SHAPE has no effect, it names no target"})
    void namesWhatChangesNothing(String backend, String text, String expected) {
        assertEquals(List.of("configuration of model 'm': " + expected), warnings(backend, text));
    }

    @ParameterizedTest
    @ValueSource(strings = {"",
        "optimization { input_pinned_memory { enable: true } output_pinned_memory { enable: true } }",
        "optimization { priority: PRIORITY_DEFAULT }", "response_cache { enable: false }",
        "input { format: FORMAT_NONE }",
        "model_metrics { metric_control { metric_identifier { family: 'nv_inference_first_response_histogram_ms' } } }"})
    void isContentWithTheRest(String text) {
        assertEquals(List.of(), warnings("pytorch", text));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"onnxruntime | optimization { graph { level: 1 } }",
        "tensorrt | optimization { cuda { graphs: true } priority: PRIORITY_MIN eager_batching: true }",
        "onnxruntime | model_operations { op_library_filename: 'x.so' }", "tensorrt | input { format: FORMAT_NHWC }",
        "somebodys | optimization { graph { level: 1 } cuda { graphs: true } priority: PRIORITY_MIN }"})
    void leavesItToTheBackendThatUsesIt(String backend, String text) {
        assertEquals(List.of(), warnings(backend, text));
    }

    private static List<String> warnings(String backend, String text) {
        return ConfigValidator.warnings(ConfigReader.parseText("name: 'm' backend: '" + backend + "' " + text));
    }
}
