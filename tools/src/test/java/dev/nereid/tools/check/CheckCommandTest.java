package dev.nereid.tools.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class CheckCommandTest {
    private static final String IO = """
            input [ { name: "IN" data_type: TYPE_FP32 dims: [ 4 ] } ]
            output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 4 ] } ]
            """;
    private static final String GOOD = "backend: \"identity\"\n" + IO;

    @TempDir
    Path repository;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int run(Optional<Path> backends, String... arguments) {
        return CheckCommand.run(List.of(arguments), backends, new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    private List<String> check(int expectedStatus, String... flags) {
        String[] arguments = new String[flags.length + 1];
        arguments[0] = repository.toString();
        System.arraycopy(flags, 0, arguments, 1, flags.length);
        assertEquals(expectedStatus, run(Optional.empty(), arguments), this::everything);
        return lines();
    }

    private List<String> lines() {
        return out.toString(StandardCharsets.UTF_8).lines().map(line -> line.replace(repository + "/", "")).toList();
    }

    private String everything() {
        return out.toString(StandardCharsets.UTF_8) + err.toString(StandardCharsets.UTF_8);
    }

    private void model(String name, String config) throws IOException {
        Path version = Files.createDirectories(repository.resolve(name).resolve("1"));
        Files.writeString(version.resolveSibling("config.pbtxt"), config);
    }

    private static Path golden() {
        try {
            return Path.of(Objects.requireNonNull(CheckCommandTest.class.getResource("/broken-models")).toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void findsWhatAServerWouldSayOfBrokenModels() {
        Path models = golden();

        assertEquals(1, run(Optional.empty(), models.toString()), this::everything);

        assertEquals(
                """
                        bad_enum: error: failed to read text proto from models/bad_enum/config.pbtxt: line 2, column 37: \
                        found 'TYPE_FP31', expected a value of DataType; did you mean 'TYPE_FP32'? \
                        (models/bad_enum/config.pbtxt:2:37)
                        dim_zero: error: model input 'INPUT0' dimension must be integer >= 1, or -1 to indicate a \
                        variable-size dimension for dim_zero
                        ensemble_bad_input_map: error: in ensemble ensemble_bad_input_map, ensemble tensor IN is mapping \
                        to non-existing input ZZ in model ok_minimal_no_maxbatch
                        ensemble_missing_model: error: ensemble ensemble_missing_model contains models that are not \
                        available or ambiguous: nosuchmodel
                        instance_kind_gpu: warning: instance group instance_kind_gpu_0 of model instance_kind_gpu has \
                        kind KIND_GPU but server does not support GPUs
                        label_file_missing: error: failed to open text file for read \
                        models/label_file_missing/nolabels.txt: No such file or directory
                        name_mismatch: error: unexpected directory name 'name_mismatch' for model 'other', directory \
                        name must equal model name
                        no_version_dir: error: at least one version must be available under the version policy of model \
                        'no_version_dir'
                        no_version_dir: warning: 'models/no_version_dir' has no version directory, which is one with a \
                        number for a name such as 'no_version_dir/1'; it holds: config.pbtxt
                        preferred_too_big: error: dynamic batching preferred size must be <= max batch size for \
                        preferred_too_big
                        pytorch_no_file: error: unable to find 'models/pytorch_no_file/1/model.pt' for model instance \
                        'pytorch_no_file'
                        unknown_field: error: failed to read text proto from models/unknown_field/config.pbtxt: line 4, \
                        column 1: unknown field 'nonsense_field' in ModelConfig (models/unknown_field/config.pbtxt:4:1)
                        version_dir_leading_zero: warning: ignore version directory '01' which contains leading zeros in \
                        its directory name
                        version_dir_leading_zero: error: at least one version must be available under the version policy \
                        of model 'version_dir_leading_zero'
                        version_dir_leading_zero: warning: 'models/version_dir_leading_zero' has no version directory, \
                        which is one with a number for a name such as 'version_dir_leading_zero/1'; it holds: 01/, \
                        config.pbtxt
                        warmup_bad_shape: error: [request id: <id_unknown>] unexpected shape for input 'INPUT0' for model \
                        'warmup_bad_shape'. Expected [-1,4], got [1,5]. NOTE: Setting a non-zero max_batch_size in the \
                        model config requires a batch dimension to be prepended to each input shape. If you want to \
                        specify the full shape including the batch dim in your input dims config, try setting \
                        max_batch_size to zero. See the model configuration docs for more info on max_batch_size.
                        warmup_missing_file: error: failed to open text file for read \
                        models/warmup_missing_file/warmup/nofile: No such file or directory
                        17 models, 13 errors, 4 warnings
                        """,
                out.toString(StandardCharsets.UTF_8).replace(models.toString(), "models"));
    }

    @Test
    void isContentWithGoodModels() throws IOException {
        model("a", GOOD);

        assertEquals(List.of("1 model, 0 errors, 0 warnings"), check(0));
    }

    @Test
    void warnsOfBackendsThatAreNotThere() throws IOException {
        Path backends = Files.createDirectories(repository.resolve("../backends-" + repository.getFileName()));
        model("a", GOOD);
        try {
            assertEquals(List.of(
                    "a: warning: unable to find backend library for backend 'identity', try specifying runtime on the "
                            + "model configuration.",
                    "1 model, 0 errors, 1 warning"), check(0, "--backend-directory=" + backends));
        } finally {
            Files.delete(backends);
        }
    }

    @Test
    void tellsWhatIsWrongWithSequences() throws IOException {
        model("a", GOOD + " max_batch_size: 4 sequence_batching { control_input { name: \"START\" control { kind: "
                + "CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } } }");
        model("b", GOOD
                + " sequence_batching { state { input_name: \"S\" output_name: \"T\" data_type: TYPE_FP32 dims: [ 4 ] "
                + "initial_state { name: \"i\" data_type: TYPE_FP32 dims: [ 4 ] data_file: \"start\" } } }");
        Files.createDirectories(repository.resolve("b/initial_state"));
        Files.write(repository.resolve("b/initial_state/start"), new byte[12]);
        model("c", GOOD
                + " sequence_batching { state [ { input_name: \"S\" output_name: \"T\" data_type: TYPE_FP32 dims: [ 4 ] "
                + "}, { input_name: \"U\" output_name: \"T\" data_type: TYPE_FP32 dims: [ 4 ] } ] }");

        List<String> lines = check(1);
        assertTrue(lines.getFirst().startsWith("a: warning: sequence_batching: there is no control input of kind "
                + "CONTROL_SEQUENCE_READY"), lines::toString);
        assertEquals(
                "b: error: initial_state setting expects 16 bytes, but the data provided from startonly has 12 bytes.",
                lines.get(1));
        assertEquals(
                "c: warning: sequence_batching: state output 'T' is declared more than once, the first entry counts;"
                        + " input 'U' gets no state",
                lines.get(2));
    }

    @Test
    void letsAgentsLookAtTheFiles() throws IOException {
        model("a", GOOD
                + " model_repository_agents { agents { name: \"checksum\" parameters { key: \"MD5:1/model\" value: "
                + "\"900150983cd24fb0d6963f7d28e17f72\" } } }");
        Files.writeString(repository.resolve("a/1/model"), "abd");

        assertEquals("a: error: model 'a' has a file '1/model' whose MD5 sum is 4911e516e5aa21d327512e0c8b197616, "
                + "expected 900150983cd24fb0d6963f7d28e17f72; the file is damaged or not the one that the configuration "
                + "was made for", check(1).getFirst());

        out.reset();
        Files.writeString(repository.resolve("a/1/model"), "abc");
        assertEquals(List.of("1 model, 0 errors, 0 warnings"), check(0));
    }

    @Test
    void refusesARuntimeThatIsNotHere() throws IOException {
        model("a", GOOD + " runtime: \"model.py\"");

        assertEquals(
                "a: error: 'runtime' of model 'a' is 'model.py', but models written in Python can't be run by backend "
                        + "'identity'; export the model, and remove 'runtime'",
                check(1).getFirst());
    }

    @Test
    void printsWhatItsPageShows() throws IOException {
        model("resnet", "backend: \"identity\"\n" + IO.strip() + "\nmax_batch: 8\n");
        model("bert", GOOD + "instance_group [ { kind: KIND_GPU } ]");
        String page = Files.readString(Path.of("..", "docs", "check.md"));
        String shown = page.split("One line for each problem:\n\n```text\n", -1)[1].split("```", -1)[0];

        assertEquals(1, run(Optional.empty(), repository.toString()), this::everything);
        assertEquals(shown, out.toString(StandardCharsets.UTF_8).replace(repository.toString(), "/models"));
    }

    @Test
    void warnsOfBatchingThatDoesHarm() throws IOException {
        model("a", GOOD + " dynamic_batching { max_queue_delay_microseconds: 5000000 }");

        assertEquals(List.of("a: warning: dynamic_batching: max_queue_delay_microseconds has no effect: with a "
                + "max_batch_size of 0 requests are executed one by one", "1 model, 0 errors, 1 warning"), check(0));
    }

    @Test
    void wantsInputsOfModelsThatNobodyCompletes() throws IOException {
        model("torch", "backend: \"pytorch\"");
        Files.createFile(repository.resolve("torch/1/model.pt"));
        model("trt", "backend: \"tensorrt\"");
        Files.createFile(repository.resolve("trt/1/model.plan"));

        assertEquals(List.of(
                "torch: error: model configuration must contain at least one input, none were specified.",
                "torch: error: model configuration must contain at least one output, none were specified.",
                "2 models, 2 errors, 0 warnings"), check(1));
    }

    @Test
    void wantsAConfigurationWhereNothingIsCompleted() throws IOException {
        Files.createDirectories(repository.resolve("torch/1"));
        Files.createFile(repository.resolve("torch/1/model.pt"));

        assertEquals("torch: error: failed to open text file for read torch/config.pbtxt: No such file or directory",
                check(1, "--disable-auto-complete-config").getFirst());
    }

    @Test
    void readsCustomConfigurations() throws IOException {
        model("a", GOOD);
        Files.createDirectories(repository.resolve("a/configs"));
        Files.writeString(repository.resolve("a/configs/gpu.pbtxt"), "bakend: \"identity\"");

        assertTrue(check(1, "--model-config-name", "gpu").getFirst()
                .startsWith("a: error: failed to read text proto from a/configs/gpu.pbtxt: line 1, column 1: unknown "
                        + "field 'bakend' in ModelConfig; did you mean 'backend'?"),
                this::everything);
    }

    @Test
    void saysThatAnEnsembleDependsOnAModelThatFails() throws IOException {
        String step = "ensemble_scheduling { step [ { model_name: \"part\" model_version: %d input_map { key: \"IN\" "
                + "value: \"IN\" } output_map { key: \"OUT\" value: \"OUT\" } } ] }\n";
        model("broken", "platform: \"ensemble\"\n" + IO + step.formatted(-1));
        model("part", GOOD.replace("output [ {", "output [ { label_filename: \"no.txt\""));

        assertEquals(
                "broken: error: ensemble 'broken' depends on 'part' which has no loaded version. Model 'part' loading "
                        + "failed with error: failed to open text file for read part/no.txt: No such file or directory",
                check(1).getFirst());

        out.reset();
        model("part", GOOD);
        model("broken", "platform: \"ensemble\"\n" + IO + step.formatted(2));
        assertEquals("broken: error: ensemble 'broken' depends on 'part' whose required version 2 is not loaded.",
                check(1).getFirst());
    }

    @Test
    void findsModelsThatAreThereTwice() throws IOException {
        Path other = Files.createDirectories(repository.resolve("x"));
        model("x/a", GOOD);
        model("y/a", GOOD);

        assertEquals(1, run(Optional.empty(), other.toString(), repository.resolve("y").toString()));
        assertEquals("a: error: model appears in two or more repositories", lines().getFirst());
    }

    @Test
    void noticesTheDirectoryOfASingleModel() throws IOException {
        model("a", GOOD);

        assertEquals(1, run(Optional.empty(), repository.resolve("a").toString()));
        assertEquals(
                "repository: warning: '" + repository + "/a' holds a config.pbtxt, so it looks like the directory of "
                        + "one model; the model repository is the directory above it",
                out.toString(StandardCharsets.UTF_8).lines().findFirst().orElseThrow());
    }

    @Test
    void checksGroupsOnGpusThatAreNotHere() throws IOException {
        model("a", GOOD + "instance_group [ { kind: KIND_GPU gpus: [ 3 ] profile: [ \"0\" ] } ]");

        assertEquals(List.of(
                "a: error: instance group a_0 of model a and platform specifies profile field which is only supported "
                        + "for TensorRT models",
                "1 model, 1 error, 0 warnings"), check(1));
    }

    @Test
    void comparesTheSizeOfWarmUpFiles() throws IOException {
        model("a",
                GOOD + "model_warmup [ { name: \"w\" batch_size: 1 inputs { key: \"IN\" value { data_type: TYPE_FP32 "
                        + "dims: [ 4 ] input_data_file: \"in\" } } } ]");
        Files.createDirectories(repository.resolve("a/warmup"));
        Files.write(repository.resolve("a/warmup/in"), new byte[15]);

        assertEquals("a: error: warmup data file 'in' for input 'IN' has 15 bytes, expected 16", check(1).getFirst());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --verbose              | error: unknown flag --verbose
            /no/such/directory     | error: '/no/such/directory' is no directory
            --model-config-name    | error: --model-config-name needs a value
            --model-config-name=a/b| error: --model-config-name has value 'a/b', expected the name of a file without blanks and without .pbtxt
            --backend-directory=/no/such | error: --backend-directory is '/no/such', which is no directory
            --disable-auto-complete-config | error: name the model repository to check
            """)
    void explainsWrongArguments(String argument, String message) {
        assertEquals(2, run(Optional.empty(), argument.strip()));

        assertEquals(message, err.toString(StandardCharsets.UTF_8).lines().findFirst().orElseThrow());
    }

    @Test
    void printsItsUsage() {
        assertEquals(0, run(Optional.empty(), "--help"));

        assertTrue(everything().startsWith("Usage: nereid check <repository>... [flags]\n"), this::everything);
    }
}
