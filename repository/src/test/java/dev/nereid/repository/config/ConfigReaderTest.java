package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.proto.ConfigProto.DataType;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelInstanceGroup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigReaderTest {
    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "max_batchsize: 5 | line 1, column 1: unknown field 'max_batchsize' in ModelConfig; did you mean 'max_batch_size'?",
        "max_batch: 5 | line 1, column 1: unknown field 'max_batch' in ModelConfig; did you mean 'max_batch_size'?",
        "model_: 5 | line 1, column 1: unknown field 'model_' in ModelConfig",
        "nonsense_field: 5 | line 1, column 1: unknown field 'nonsense_field' in ModelConfig",
        "input { name: 'a' data_typ: TYPE_FP32 } | line 1, column 19: unknown field 'data_typ' in ModelInput; did you mean 'data_type'?",
        "optimization { cuda { graf_spec { } } } | line 1, column 23: unknown field 'graf_spec' in Cuda; did you mean 'graph_spec'?",
        "input { data_type: TYPE_FP31 } | line 1, column 20: found 'TYPE_FP31', expected a value of DataType; did you mean 'TYPE_FP32'?",
        "instance_group { kind: KIND_CPUS } | line 1, column 24: found 'KIND_CPUS', expected a value of Kind; did you mean 'KIND_CPU'?",
        "instance_group { kind: PLUTO } | line 1, column 24: found 'PLUTO', expected one of KIND_AUTO, KIND_GPU, KIND_CPU, KIND_MODEL",
        "max_batch_size: $ | line 1, column 17: found '$', expected an integer",
        "max_batch_size: 1.5 | line 1, column 17: found '1.5', expected an integer",
        "max_batch_size: 2147483648 | line 1, column 17: found '2147483648', expected a 32-bit signed integer",
        "dynamic_batching { max_queue_delay_microseconds: -1 } | line 1, column 50: found '-1', expected an unsigned integer",
        "dynamic_batching { preserve_ordering: yes } | line 1, column 39: found 'yes', expected 'true' or 'false'",
        "name: 5 | line 1, column 7: found '5', expected a string in quotes",
        "backend 'x' | line 1, column 9: found ''x'', expected ':'",
        "input [ { name: 'a' | line 1, column 20: found the end of the file, expected '}'",
        "} | line 1, column 1: found '}', expected the name of a field",
        "max_batch_size: 1 max_batch_size: 2 | line 1, column 33: field 'max_batch_size' is given more than once",
        "dynamic_batching { } sequence_batching { } | line 1, column 22: field 'sequence_batching' cannot be combined with 'dynamic_batching'",
        "sequence_batching { direct { minimum_slot_utilization: x } } | line 1, column 56: found 'x', expected a number"})
    void saysWhereAndWhatIsWrong(String text, String expected) {
        var failure = assertThrows(InferenceException.class, () -> ConfigReader.parseText(text));
        assertEquals(expected, failure.getMessage());
        assertEquals(StatusCode.INVALID_ARG, failure.code());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "\uFEFFname: 'x' | line 1, column 1: found the invisible character U+FEFF (byte order mark); remove it",
        "name:\u00a0'x' | line 1, column 6: found the invisible character U+00A0 (no-break space); remove it",
        "na\u200bme: 'x' | line 1, column 3: found the invisible character U+200B (zero width space); remove it",
        "name: \u201cx\u201d | line 1, column 7: found the typographic quote U+201C, expected a plain one: \" or '",
        "name: 'x' # \u201c\u00a0\\n \u2019 | line 2, column 2: found the typographic quote U+2019, expected a plain one: \" or '"})
    void namesCharactersThatNobodySees(String text, String expected) {
        var failure = assertThrows(InferenceException.class,
                () -> ConfigReader.parseText(text.replace("\\n", "\n")));
        assertEquals(expected, failure.getMessage());
    }

    @Test
    void keepsWhateverStandsInStrings() {
        assertEquals("a\u200b\u201cb", ConfigReader.parseText("name: 'a\u200b\u201cb' # \u00a0").getName());
    }

    @Test
    void countsLines() {
        var failure = assertThrows(InferenceException.class,
                () -> ConfigReader.parseText("# first\nname: 'x'\n  bakend: 'y'\n"));
        assertEquals("line 3, column 3: unknown field 'bakend' in ModelConfig; did you mean 'backend'?",
                failure.getMessage());
    }

    @Test
    void theLastOfSeveralEntriesWithOneKeyCounts() {
        ModelConfig config = ConfigReader.parseText("""
                metric_tags { key: "a" value: "1" }
                metric_tags { key: "b" value: "2" }
                metric_tags { key: "a" value: "3" }
                """);
        String json = ConfigJson.write(config);
        assertTrue(json.contains("\"metric_tags\":{\"a\":\"3\",\"b\":\"2\"}"), json);
    }

    @Test
    void readsTheWholeTextFormat() {
        ModelConfig config = ConfigReader.parseText(
                """
                        name: "a" 'b'  # adjacent strings
                        max_batch_size: 0x10;
                        input [ { name: "I" data_type: TYPE_FP32, dims: [ -1, 2 ] }, { name: "\\x4a" data_type: 11 dims: 3 dims: 4 } ]
                        output < name: "O" >
                        parameters: { key: "k" value: { string_value: "v" } }
                        parameters { key: "l" value { string_value: "w" } }
                        model_transaction_policy { decoupled: t }
                        """);
        assertEquals("ab", config.getName());
        assertEquals(16, config.getMaxBatchSize());
        assertEquals(List.of(-1L, 2L), config.getInput(0).getDimsList());
        assertEquals("J", config.getInput(1).getName());
        assertEquals(DataType.TYPE_FP32, config.getInput(1).getDataType());
        assertEquals(2, config.getParametersCount());
        assertTrue(config.getModelTransactionPolicy().getDecoupled());
    }

    @Test
    void refusesEnumNumbersThatMeanNothing() {
        var failure = assertThrows(InferenceException.class,
                () -> ConfigReader.parseText("input { data_type: 99 }"));
        assertEquals("field 'data_type' has the number 99, expected a value of DataType", failure.getMessage());
    }

    @Test
    void boundsNesting() {
        String deep = "a { ".repeat(5000);
        assertThrows(InferenceException.class, () -> ConfigReader.parseText(deep));
        assertThrows(InferenceException.class, () -> ConfigReader.parseJson("{\"a\":".repeat(100_000)));
        assertThrows(InferenceException.class, () -> ConfigReader.parseJson("[".repeat(100_000)));
    }

    @Test
    void boundsTheSize() throws IOException {
        Path file = directory.resolve("config.pbtxt");
        byte[] comment = new byte[ConfigReader.MAX_BYTES];
        Arrays.fill(comment, (byte) ' ');

        Files.write(file, comment);
        assertEquals(ModelConfig.getDefaultInstance(), ConfigReader.readFile(file));
        Files.write(file, Arrays.copyOf(comment, comment.length + 1));
        assertThrows(InferenceException.class, () -> ConfigReader.readFile(file));
        assertThrows(InferenceException.class, () -> ConfigReader.parseJson(" ".repeat(ConfigReader.MAX_BYTES + 1)));
    }

    @Test
    void refusesTextThatIsNotUtf8() throws IOException {
        Path file = Files.write(directory.resolve("config.pbtxt"), new byte[]{(byte) 0xff, (byte) 0xfe});
        var failure = assertThrows(InferenceException.class, () -> ConfigReader.readFile(file));
        assertEquals("text file " + file + " is not valid UTF-8", failure.getMessage().replaceFirst("^.*proto: ", ""));
    }

    @Test
    void namesTheFileThatCannotBeRead() throws IOException {
        Path missing = directory.resolve("none");
        var failure = assertThrows(InferenceException.class, () -> ConfigReader.readFile(missing));
        assertEquals("failed to open text file for read " + missing + ": No such file or directory",
                failure.getMessage());
        assertEquals("failed to open text file for read " + directory + ": Is a directory",
                assertThrows(InferenceException.class, () -> ConfigReader.readFile(directory)).getMessage());
    }

    @Test
    void prefersTheCustomConfigurationWhereThereIsOne() throws IOException {
        Path custom = Files.createDirectories(directory.resolve("configs")).resolve("h100.pbtxt");

        assertEquals(directory.resolve("config.pbtxt"), ConfigReader.configFile(directory, ""));
        assertEquals(directory.resolve("config.pbtxt"), ConfigReader.configFile(directory, "h100"));
        Files.writeString(custom, "");
        assertEquals(custom, ConfigReader.configFile(directory, "h100"));
        assertThrows(InferenceException.class, () -> ConfigReader.configFile(directory, "../../x"));
    }

    @Test
    void readsJson() {
        ModelConfig config = ConfigReader.parseJson(
                """
                        {"name": "m", "maxBatchSize": 4, "input": [{"name": "I", "data_type": "type_fp32", "dims": ["-1", 2]}],
                         "instanceGroup": [{"kind": "Kind_Cpu", "count": 2e0}], "version_policy": {"specific": {"versions": [1, "9223372036854775807"]}},
                         "dynamic_batching": {"priority_queue_policy": {"1": {"max_queue_size": 4294967295}}, "default_priority_level": 18446744073709551615},
                         "parameters": {"k\\u0041": {"string_value": "v\\n"}}, "metric_tags": {"kind": "kind_cpu"},
                         "model_transaction_policy": {"decoupled": true}, "optimization": null,
                         "model_metrics": {"metric_control": [{"histogram_options": {"buckets": [0.5, 1e3, "Infinity"]}}]}}
                        """);
        assertEquals(4, config.getMaxBatchSize());
        assertEquals(DataType.TYPE_FP32, config.getInput(0).getDataType());
        assertEquals(List.of(-1L, 2L), config.getInput(0).getDimsList());
        assertEquals(ModelInstanceGroup.Kind.KIND_CPU, config.getInstanceGroup(0).getKind());
        assertEquals(2, config.getInstanceGroup(0).getCount());
        assertEquals(List.of(1L, Long.MAX_VALUE), config.getVersionPolicy().getSpecific().getVersionsList());
        assertEquals(-1, config.getDynamicBatching().getPriorityQueuePolicyOrThrow(1).getMaxQueueSize());
        assertEquals(-1L, config.getDynamicBatching().getDefaultPriorityLevel());
        assertEquals("v\n", config.getParametersOrThrow("kA").getStringValue());
        assertEquals("kind_cpu", config.getMetricTagsOrThrow("kind"));
        assertEquals(List.of(0.5, 1000.0, Double.POSITIVE_INFINITY),
                config.getModelMetrics().getMetricControl(0).getHistogramOptions().getBucketsList());
        assertEquals(false, config.hasOptimization());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "{bad | line 1, column 2: found 'b', expected a name in quotes",
        "{\"foo\": 1} | line 1, column 2: foo: Cannot find field.",
        "{\"bakend\": \"x\"} | line 1, column 2: bakend: Cannot find field.; did you mean 'backend'?",
        "{\"name\": \"a\", \"name\": \"b\"} | line 1, column 15: field 'name' is given more than once",
        "{\"max_batch_size\": 1, \"maxBatchSize\": 2} | line 1, column 23: field 'max_batch_size' is given more than once",
        "{\"max_batch_size\": 2147483648} | line 1, column 20: found '2147483648', expected an integer from -2147483648 to 2147483647",
        "{\"max_batch_size\": 1.5} | line 1, column 20: found '1.5', expected an integer from -2147483648 to 2147483647",
        "{\"max_batch_size\": \"x\"} | line 1, column 20: found 'x', expected an integer from -2147483648 to 2147483647",
        "{\"max_batch_size\": 01} | line 1, column 20: found '01', expected a number",
        "{\"max_batch_size\": true} | line 1, column 20: found 't', expected a number",
        "{\"input\": [{\"data_type\": \"TYPE_FP31\"}]} | line 1, column 26: found 'TYPE_FP31', expected a value of DataType; did you mean 'TYPE_FP32'?",
        "{\"dynamic_batching\": {}, \"sequence_batching\": {}} | line 1, column 26: field 'sequence_batching' cannot be combined with 'dynamic_batching'",
        "{} x | line 1, column 4: unexpected text after the end",
        "{\"name\": \"a | line 1, column 10: string has no end",
        "{\"name\": 'a'} | line 1, column 10: found ''', expected '\"'",
        "{\"name\": \"a\",} | line 1, column 14: found '}', expected a name in quotes",
        "[] | line 1, column 1: found '[', expected '{'", "`` | line 1, column 1: unexpected end of text",
        "{\"name\": \"\\q\"} | line 1, column 10: malformed escape in a string"})
    void saysWhereJsonIsWrong(String json, String expected) {
        var failure = assertThrows(InferenceException.class, () -> ConfigReader.parseJson(json));
        assertEquals("Invalid config override: " + expected, failure.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"version_policy\":{\"specific\":{\"versions\":[9223372036854775808]}}}",
        "{\"dynamic_batching\":{\"priority_levels\":-1}}",
        "{\"dynamic_batching\":{\"priority_levels\":18446744073709551616}}",
        "{\"dynamic_batching\":{\"priority_queue_policy\":{\"x\":{}}}}", "{\"max_batch_size\":1e999}",
        "{\"input\":[null]}", "{\"name\":\"\\u00zz\"}", "{\"name\":\"\\ud83\"}", "nul",
        "{\"input\":[{\"dims\":[NaN]}]}"})
    void refusesJsonOutOfRange(String json) {
        assertThrows(InferenceException.class, () -> ConfigReader.parseJson(json));
    }
}
