package dev.nereid.server.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.grpc.ServedModels.Stream;
import dev.nereid.server.grpc.proto.ModelInferResponse;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Requests to ensembles over gRPC. */
@Timeout(120)
class EnsembleGrpcTest {
    private static final String CHAIN = "chain";
    private static final String STREAMS = "streams";

    private ServedModels models;

    @BeforeEach
    void start(@TempDir Path directory) throws IOException {
        ensemble(directory, CHAIN, ServedModels.OTHER, ServedModels.OTHER);
        ensemble(directory, STREAMS, ServedModels.MANY, ServedModels.MANY);
        models = new ServedModels(directory);
    }

    @AfterEach
    void stop() {
        assertEquals(0, models.bytesHeld());
        models.close();
    }

    private static void ensemble(Path directory, String name, String first, String second) throws IOException {
        Path model = directory.resolve("models").resolve(name);
        Files.createDirectories(model.resolve("1"));
        Files.writeString(model.resolve("config.pbtxt"), """
                platform: "ensemble"
                input [{ name: "INPUT0" data_type: TYPE_INT32 dims: [ -1 ] }]
                output [{ name: "OUTPUT0" data_type: TYPE_INT32 dims: [ -1 ] }]
                ensemble_scheduling { step [
                  { model_name: "%s" model_version: -1 input_map { key: "INPUT0" value: "INPUT0" }
                    output_map { key: "OUTPUT0" value: "x" } },
                  { model_name: "%s" model_version: -1 input_map { key: "INPUT0" value: "x" }
                    output_map { key: "OUTPUT0" value: "OUTPUT0" } }
                ] }
                """.formatted(first, second));
    }

    @Test
    void answersWithTheSequenceAndTheLabelsOfTheModel() {
        ModelInferResponse answer = models.infer(ServedModels.request(CHAIN, "r", 1, 2)
                .putParameters("sequence_id", ServedModels.number(5))
                .putParameters("sequence_start", ServedModels.flag()));

        assertEquals(List.of(ServedModels.ints(1, 2)), answer.getRawOutputContentsList());
        assertEquals(5, answer.getParametersOrThrow("sequence_id").getInt64Param());
        assertTrue(answer.getParametersOrThrow("sequence_start").getBoolParam());
        assertEquals("r", answer.getId());
        assertEquals(3, answer.getParametersCount());
    }

    @Test
    void aFailedStepFailsTheCallWithItsCode() {
        var failure = assertThrows(StatusRuntimeException.class,
                () -> models.infer(ServedModels.request(CHAIN, "r", 1).putParameters("fail", ServedModels.text("no"))));

        assertEquals(Status.Code.UNAVAILABLE, failure.getStatus().getCode());
        assertEquals("in ensemble 'chain', no", failure.getStatus().getDescription());
    }

    @Test
    void everyResponseOfADecoupledStepIsAMessageAndTheLastSaysSo() throws InterruptedException {
        Stream stream = models.stream();

        stream.send(ServedModels.request(STREAMS, "r", 7).putParameters("count", ServedModels.number(2))
                .putParameters("triton_enable_empty_final_response", ServedModels.flag()));

        for (int i = 0; i < 4; i++) {
            ModelInferResponse answer = stream.next().getInferResponse();
            assertEquals(List.of(ServedModels.ints(7)), answer.getRawOutputContentsList());
        }
        ModelInferResponse last = stream.next().getInferResponse();
        assertTrue(last.getParametersOrThrow("triton_final_response").getBoolParam());
        assertEquals(0, last.getOutputsCount());
        stream.halfClose();
        assertEquals(Status.Code.OK, stream.end().getCode());
    }

    @Test
    void aStreamThatIsCancelledTakesTheRunningStepWithIt() throws InterruptedException {
        Stream stream = models.stream();
        stream.send(ServedModels.request(STREAMS, "r", 7).putParameters("count", ServedModels.number(2))
                .putParameters("hold", ServedModels.flag()));
        models.awaitHeld();

        stream.cancel();

        models.awaitCancelled();
        assertEquals(Status.Code.CANCELLED, stream.end().getCode());
    }
}
