package dev.nereid.backend.texttagger;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

class TextTaggerContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new TextTaggerBackendFactory();
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE.withBatching().withDynamicShapes();
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("tagger").backend("text-tagger").maxBatchSize(8)
                .inputs(List.of(new ModelInput("TEXT", DataType.BYTES, Dims.of(-1))))
                .outputs(List.of(new ModelOutput("TAGS", DataType.BYTES, Dims.of(-1)),
                        new ModelOutput("MASKED", DataType.BYTES, Dims.of(-1))))
                .build();
    }

    @Override
    protected void writeModel(Path modelDirectory) throws IOException {
        Files.writeString(modelDirectory.resolve("1/patterns.txt"), "number \\d+\n");
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(TestRequest.of().strings("TEXT", Shape.of(1, 1), "a 12"),
                TestRequest.of().strings("TEXT", Shape.of(2, 1), "", "34"),
                TestRequest.of().strings("TEXT", Shape.of(1, 2), "none", "5 6"));
    }

    @Override
    protected List<TestRequest> refusedRequests() {
        return List.of(TestRequest
                .of(TestTensor.of("TEXT", DataType.BYTES, Shape.of(1, 1), (byte) 1, (byte) 0, (byte) 0, (byte) 0,
                        (byte) 0xff)));
    }

    @Override
    protected void checkAnswer(TestRequest request, TestResult result) {
        List<String> expected = request.inputs().getFirst().strings().stream()
                .map(text -> text.replaceAll("\\d+", "<number>")).toList();
        assertEquals(expected, result.output("MASKED").strings());
    }
}
