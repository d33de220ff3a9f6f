package dev.nereid.benchmark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class BenchRequestTest {
    @Test
    void putsTheTensorBehindTheJson() {
        RequestBody body = RequestBody.of("IN", new long[]{1, 3}, false);

        assertEquals("{\"parameters\":{\"binary_data_output\":true},\"inputs\":[{\"name\":\"IN\",\"shape\":[1,3],"
                + "\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":12}}]}",
                new String(body.bytes(), 0, body.jsonLength(), StandardCharsets.US_ASCII));
        assertEquals(body.jsonLength() + 12, body.bytes().length);
    }

    @Test
    void writesTheTensorAsJson() {
        RequestBody body = RequestBody.of("IN", new long[]{1, 3}, true);

        JsonValue input = new JsonDocument().parse(body.bytes()).member("inputs").elements().getFirst();
        assertEquals(0, body.jsonLength());
        assertEquals(3, input.member("data").elements().size());
        assertEquals("FP32", input.member("datatype").asString());
    }

    @Test
    void writesAMessageForGrpc() throws Exception {
        RequestBody body = RequestBody.of(BenchCase.IDENTITY_GRPC);

        ModelInferRequest message = ModelInferRequest.parseFrom(body.bytes());
        assertEquals("identity-grpc", message.getModelName());
        assertEquals(List.of(1L, 16L), message.getInputs(0).getShapeList());
        byte[] binary = RequestBody.of("INPUT0", new long[]{1, 16}, false).bytes();
        assertArrayEquals(Arrays.copyOfRange(binary, binary.length - 64, binary.length),
                message.getRawInputContents(0).toByteArray());
    }

    @ParameterizedTest
    @EnumSource(BenchCase.class)
    void everyCaseIsFoundByItsName(BenchCase benchCase) {
        assertEquals(List.of(benchCase), BenchCase.find(benchCase.id()));
        assertEquals(1, benchCase.shape()[0]);
    }

    @Test
    void largeMeansSixteenMegabytes() {
        assertArrayEquals(new long[]{1, 4, 1024, 1024}, BenchCase.LARGE_BINARY.shape());
    }
}
