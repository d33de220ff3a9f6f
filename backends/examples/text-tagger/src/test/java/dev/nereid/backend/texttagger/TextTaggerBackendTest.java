package dev.nereid.backend.texttagger;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextTaggerBackendTest {
    private static final Path SAMPLE = Path.of("..", "..", "..", "repository", "samples", "text_tagger");

    @TempDir
    private Path directory;
    @AutoClose
    private final TestEngine engine = TestEngine.start(new TextTaggerBackendFactory());

    private static ModelConfig config(String... outputs) {
        return ModelConfig.builder("tagger").backend("text-tagger")
                .inputs(List.of(new ModelInput("TEXT", DataType.BYTES, Dims.of(1))))
                .outputs(List.of(outputs).stream().map(name -> new ModelOutput(name, DataType.BYTES, Dims.of(1)))
                        .toList())
                .build();
    }

    private TestModel load(String patterns, ModelConfig config) throws IOException {
        Files.writeString(Files.createDirectories(directory.resolve("1")).resolve("patterns.txt"), patterns);
        return engine.load(directory, config);
    }

    private TestResult answer(String patterns, String text) throws IOException {
        try (TestModel model = load(patterns, config("TAGS", "MASKED"))) {
            return model.infer(TestRequest.of().strings("TEXT", Shape.of(1), text));
        }
    }

    private static String loadFailure(org.junit.jupiter.api.function.Executable load) {
        return assertThrows(InferenceException.class, load).reason();
    }

    @Test
    void staysOnTheCpuWhereThereAreGpus() {
        assertEquals(List.of(InstanceGroup.Kind.CPU),
                engine.attributes().preferredInstanceGroups().stream().map(InstanceGroup::kind).toList());
    }

    @Test
    void tagsWhatThePatternsDescribe() throws IOException {
        TestResult result = answer("# comment\n\nmail \\S+@\\S+\nnumber \\d+\n",
                "to 12 \u00e9\ud83d\ude00 a@b.c \"x\"");

        assertEquals(List.of("[{\"tag\":\"number\",\"begin\":3,\"end\":5,\"text\":\"12\"},"
                + "{\"tag\":\"mail\",\"begin\":9,\"end\":14,\"text\":\"a@b.c\"}]"), result.output("TAGS").strings());
        assertEquals(List.of("to <number> \u00e9\ud83d\ude00 <mail> \"x\""), result.output("MASKED").strings());
    }

    @Test
    void escapesTextsInJson() throws IOException {
        TestResult result = answer("all (?s).+\n", "a\"\\\n\u001f");

        assertEquals(List.of("[{\"tag\":\"all\",\"begin\":0,\"end\":5,\"text\":\"a\\\"\\\\\\u000a\\u001f\"}]"),
                result.output("TAGS").strings());
    }

    @Test
    void prefersTheFirstThenTheLongestTag() throws IOException {
        TestResult result = answer("short ab\nlong abc\nlate cd\nempty x*\n", "abcd");

        assertEquals(List.of("<long>d"), result.output("MASKED").strings());
    }

    @Test
    void answersOnlyConfiguredOutputs() throws IOException {
        try (TestModel model = load("number \\d+", config("TAGS"))) {
            assertEquals(List.of("TAGS"), model.infer(TestRequest.of().strings("TEXT", Shape.of(1), "1")).outputs()
                    .stream().map(TestTensor::name).toList());
        }
    }

    @Test
    void endsASearchThatWouldGoOnForEver() {
        Assertions.assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
            InferenceException failure = answer("slow (a+)+b\\1", "a".repeat(60)).failure();

            assertEquals(StatusCode.INVALID_ARG, failure.code());
            assertEquals("the pattern of tag 'slow' takes more than 10000000 steps (parameter 'max_steps') for a text "
                    + "of 60 characters", failure.getMessage());
        });
    }

    @Test
    void refusesATextThatRepeatsAGroupTooOften() throws IOException {
        InferenceException failure = answer("deep (a|b)*c", "ab".repeat(200_000)).failure();

        assertEquals(StatusCode.INVALID_ARG, failure.code());
    }

    @Test
    void refusesLongTexts() throws IOException {
        ModelConfig config = config("TAGS").toBuilder().parameters(Map.of("max_text_bytes", "3")).build();
        try (TestModel model = load("number \\d+", config)) {
            assertEquals("a text has 4 bytes, expected at most 3 (parameter 'max_text_bytes')",
                    model.infer(TestRequest.of().strings("TEXT", Shape.of(1), "1234")).failure().getMessage());
            model.infer(TestRequest.of().strings("TEXT", Shape.of(1), "123")).response();
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            tag a(b      | 'patterns.txt', line 1: the pattern of tag 'tag' is wrong at character 4: Unclosed group
            tag          | 'patterns.txt', line 1 is 'tag', expected a tag and a regular expression
            1tag x       | 'patterns.txt', line 1: tag '1tag' must be a letter, then letters, digits, '_' and '-'
            # nothing    | 'patterns.txt' has no patterns, expected lines of tag and regular expression
            """, quoteCharacter = '`')
    void saysWhatIsWrongWithPatterns(String patterns, String problem) {
        assertEquals("Invalid argument: " + problem, loadFailure(() -> load(patterns, config("TAGS")).close()));
    }

    @Test
    void saysThatTheFileIsMissing() {
        assertEquals("Not found: the version's directory has no file 'patterns.txt' with the patterns",
                loadFailure(() -> engine.load(directory, config("TAGS")).close()));
    }

    @Test
    void saysWhatIsWrongWithTheConfiguration() {
        assertEquals("Invalid argument: output 'OTHER' is unknown, expected TAGS or MASKED",
                loadFailure(() -> load("a b", config("OTHER")).close()));
        assertEquals("Invalid argument: the model has no outputs, expected some of TAGS and MASKED",
                loadFailure(() -> load("a b", config()).close()));
        assertEquals("Invalid argument: parameter 'max_steps' is '0', expected a whole number from 1 to 2147483647",
                loadFailure(() -> load("a b", config("TAGS").toBuilder().parameters(Map.of("max_steps", "0")).build())
                        .close()));
        assertEquals("Invalid argument: output 'TAGS' has dims [1], but input 'TEXT' has [2]; they must be the same",
                loadFailure(() -> load("a b", config("TAGS").toBuilder()
                        .inputs(List.of(new ModelInput("TEXT", DataType.BYTES, Dims.of(2)))).build()).close()));
    }

    @Test
    void theSampleModelTagsMailAndNumbers() {
        try (TestModel model = engine.load(SAMPLE, config("MASKED"))) {
            TestResult result = model.infer(TestRequest.of().strings("TEXT", Shape.of(1),
                    "Write to ada@example.org by 2026-11-23, it costs 12.50 or see https://example.org/a?b."));

            assertEquals(List.of("Write to <email> by <date>, it costs <number> or see <url>."),
                    result.output("MASKED").strings());
        }
    }
}
