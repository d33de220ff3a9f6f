package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelMetrics;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConfigJsonTest {
    @ParameterizedTest
    @CsvSource({"0, 0.0", "-0.0, -0.0", "1, 1.0", "0.1, 0.1", "100, 100.0", "-2.5, -2.5", "123456.789, 123456.789",
        "1e20, 100000000000000000000.0", "1e21, 1e21", "1.5e300, 1.5e300", "0.000001, 0.000001", "1e-7, 1e-7",
        "1.25e-7, 1.25e-7", "4.9e-324, 4.9e-324", "1.7976931348623157e308, 1.7976931348623157e308"})
    void writesTheShortestDigits(double value, String expected) {
        ModelConfig.Builder config = ModelConfig.newBuilder();
        config.getModelMetricsBuilder().addMetricControlBuilder()
                .setHistogramOptions(ModelMetrics.MetricControl.HistogramOptions.newBuilder().addBuckets(value));
        String json = ConfigJson.write(config.build());
        assertTrue(json.endsWith("{\"histogram_options\":{\"buckets\":[" + expected + "]}}]}}"), json);
    }

    @Test
    void writesFloatsAsFloats() {
        assertContains("\"minimum_slot_utilization\":0.1}",
                "sequence_batching { direct { minimum_slot_utilization: 0.1 } }");
    }

    @Test
    void writesIntegersAsNumbersButInThreePlaces() {
        assertContains("\"dims\":[9223372036854775807]", "input { dims: 9223372036854775807 }");
        assertContains("\"priority_levels\":18446744073709551615",
                "dynamic_batching { priority_levels: 18446744073709551615 }");
        assertContains("\"num_versions\":4294967295", "version_policy { latest { num_versions: 4294967295 } }");
        assertContains("{\"kind\":\"KIND_NVDLA\",\"device_id\":\"1\"}",
                "instance_group { secondary_devices { device_id: 1 } }");
        assertContains("\"input\":{\"I\":{\"dim\":[\"2\",\"-1\"]}}",
                "optimization { cuda { graph_spec { input { key: 'I' value { dim: [2, -1] } } } } }");
        assertContains(
                "\"initial_state\":[{\"data_type\":\"TYPE_INVALID\",\"dims\":[\"3\"],\"zero_data\":true,\"name\":\"\"}]",
                "sequence_batching { state { initial_state { dims: 3 zero_data: true } } }");
    }

    @Test
    void writesKeysOfMapsAsStrings() {
        assertContains("\"priority_queue_policy\":{\"18446744073709551615\":{\"timeout_action\":\"DELAY\","
                + "\"default_timeout_microseconds\":0,\"allow_timeout_override\":false,\"max_queue_size\":0}}",
                "dynamic_batching { priority_queue_policy { key: 18446744073709551615 value { timeout_action: DELAY } } }");
    }

    @Test
    void leavesOutWhatIsNotSet() {
        assertContains("\"version_policy\":{\"all\":{}}", "version_policy { all { } }");
        assertContains("\"inputs\":{\"I\":{\"data_type\":\"TYPE_INVALID\",\"dims\":[]}}",
                "model_warmup { inputs { key: 'I' value { } } }");
        assertEquals("{\"name\":\"\",\"platform\":\"\",\"backend\":\"\",\"runtime\":\"\",\"max_batch_size\":0,"
                + "\"input\":[],\"output\":[],\"batch_input\":[],\"batch_output\":[],\"instance_group\":[],"
                + "\"default_model_filename\":\"\",\"cc_model_filenames\":{},\"metric_tags\":{},\"parameters\":{},"
                + "\"model_warmup\":[]}", ConfigJson.write(ModelConfig.getDefaultInstance()));
    }

    @Test
    void escapesOnlyWhatJsonDemands() {
        ModelConfig config = ModelConfig.newBuilder().setName("a\"\\/\n\u0001\u001f<é模").build();
        assertTrue(ConfigJson.write(config).startsWith("{\"name\":\"a\\\"\\\\/\\n\\u0001\\u001F<é模\","));
    }

    @Test
    void canBeReadBack() {
        ModelConfig config = ConfigReader.parseText(
                """
                        name: "m" max_batch_size: 4 input { name: "I" data_type: TYPE_BF16 dims: [ -1 ] reshape { shape: [ 1 ] } }
                        dynamic_batching { priority_queue_policy { key: 2 value { max_queue_size: 3 } } }
                        model_warmup { name: "w" inputs { key: "I" value { input_data_file: "f" } } }
                        optimization { cuda { graph_spec { input { key: "I" value { dim: 2 } } } } }
                        model_metrics { metric_control { metric_identifier { family: "f" } histogram_options { buckets: 0.5 } } }
                        """);
        assertEquals(config, ConfigReader.parseJson(ConfigJson.write(config)));
    }

    private static void assertContains(String expected, String text) {
        String json = ConfigJson.write(ConfigReader.parseText(text));
        assertTrue(json.contains(expected), json);
    }
}
