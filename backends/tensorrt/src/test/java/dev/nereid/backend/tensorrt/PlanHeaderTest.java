package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

final class PlanHeaderTest {
    private static final TrtVersion OURS = new TrtVersion(11, 2, 1);

    @Test
    void takesAnEngineOfThisVersion() {
        assertDoesNotThrow(() -> check(Plans.header(11, 2, 1), false));
    }

    @Test
    void namesBothVersionsAndTheWayOut() {
        assertEquals(
                "unable to load model 'm': its engine was built by TensorRT 10.3.0, this server has TensorRT 11.2.1;"
                        + " rebuild it with trtexec of TensorRT 11.2.1, or build it with --versionCompatible and start the server"
                        + " with --backend-config=tensorrt,version-compatible=true",
                failure(Plans.header(10, 3, 0), false));
    }

    @Test
    void takesAnOlderEngineWhereVersionCompatibleOnesAreWelcome() {
        assertDoesNotThrow(() -> check(Plans.header(10, 3, 0), true));
        assertDoesNotThrow(() -> check(Plans.header(11, 2, 0), true));
    }

    @Test
    void refusesALaterEngineAlways() {
        String expected = "unable to load model 'm': its engine was built by TensorRT 11.3.0, this server has TensorRT"
                + " 11.2.1; rebuild it with trtexec of TensorRT 11.2.1";
        assertEquals(expected, failure(Plans.header(11, 3, 0), true));
        assertEquals(expected, failure(Plans.header(11, 3, 0), false));
    }

    @Test
    void refusesFilesOfOtherKinds() {
        assertTrue(failure(new byte[0], false).contains("(it is empty)"));
        assertTrue(failure(new byte[5], false).contains("(it has 5 bytes)"));
        assertTrue(failure(bytes("version https://git-lfs.github.com/spec/v1\n"), false)
                .contains("but a Git LFS pointer"));
        assertTrue(failure(bytes("PK\3\4 and the rest of an archive"), false).contains("zip archive"));
        assertTrue(failure(bytes("\b\7\22\7pytorch and the rest of a model"), false).contains("ONNX"));
        assertTrue(failure(new byte[64], false).endsWith("build one with trtexec --onnx=<model> --saveEngine=model.plan"
                + " of TensorRT 11.2.1"));
    }

    @Test
    void leavesAnUnknownFormatToTensorRt() {
        byte[] header = Plans.header(10, 3, 0);
        header[4] = 1;
        assertDoesNotThrow(() -> check(header, false));
        assertTrue(PlanHeader.version(MemorySegment.ofArray(header)).isEmpty());
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static void check(byte[] plan, boolean versionCompatible) {
        PlanHeader.check("m", MemorySegment.ofArray(plan), OURS, versionCompatible);
    }

    private static String failure(byte[] plan, boolean versionCompatible) {
        var failure = assertThrows(InferenceException.class, () -> check(plan, versionCompatible));
        assertEquals(StatusCode.INVALID_ARG, failure.code());
        return failure.getMessage();
    }
}
