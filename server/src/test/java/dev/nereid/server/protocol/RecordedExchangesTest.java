package dev.nereid.server.protocol;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.sharedmemory.SharedRange;
import dev.nereid.json.TextWindow;
import dev.nereid.server.v2.SharedMemoryRegions;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Recorded requests get the recorded answers, byte for byte, from decoder, check, a copy, and encoder. */
class RecordedExchangesTest {
    private static final String EXAMPLE_PARAMETERS = "\"param0\":\"an example string parameter\",\"param1\":42,"
            + "\"param2\":false,\"param3\":123.123";

    /** What the front end, the scheduler or the backend decides. */
    private static final Set<String> ELSEWHERE = Set.of("infer_get", "infer_put", "infer_trailing_slash",
            "infer_unknown_version", "infer_optional_only", "queue_full", "sequence_batch_two", "sequence_no_id",
            "after_unload_infer", "multiple_request_encoding", "unknown_request_encoding");

    @AutoClose
    private final Arena arena = Arena.ofShared();
    private int window;

    @TestFactory
    Stream<DynamicTest> inference() {
        return Stream.concat(tests("explicit_all", "/infer", 1 << 26), tests("restricted", "/infer", 200));
    }

    @TestFactory
    Stream<DynamicTest> inferenceThroughAWindow() {
        window = TextWindow.MIN_LENGTH;
        return inference();
    }

    @TestFactory
    Stream<DynamicTest> generate() {
        return tests("explicit_all", "/generate", 1 << 26);
    }

    @Test
    void recordingsAreThere() {
        assertTrue(tests("explicit_all", "/infer", 1 << 26).count() > 90);
        assertTrue(tests("restricted", "/infer", 200).count() >= 4);
        assertTrue(tests("explicit_all", "/generate", 1 << 26).count() >= 5);
    }

    private Stream<DynamicTest> tests(String session, String action, long maxInputSize) {
        return Recording.load(session).stream()
                .filter(recording -> recording.path().replaceAll("\\?.*", "").endsWith(action))
                .filter(recording -> GoldenModels.find(recording.model()).isPresent())
                .filter(recording -> recording.header("Content-Encoding").orElse("identity").equals("identity"))
                .filter(recording -> recording.answerHeader("Content-Encoding").isEmpty())
                .filter(recording -> !ELSEWHERE.contains(recording.name()))
                .map(recording -> DynamicTest.dynamicTest(recording.name(), () -> replay(recording, maxInputSize)));
    }

    private void replay(Recording recording, long maxInputSize) {
        MemorySegment region = arena.allocate(64, 8);
        for (int i = 0; i < 4; i++) {
            region.setAtIndex(ValueLayout.JAVA_FLOAT, i, 10f * (i + 1));
        }
        IdentityServer server = new IdentityServer((name, offset, size) -> part(region, name, offset, size),
                maxInputSize, window);
        ModelConfig config = GoldenModels.get(recording.model());

        IdentityServer.Answer answer = recording.path().endsWith("/generate")
                ? server.generate(config, recording.bodyBytes())
                : server.infer(config, recording.bodyBytes(), recording.header("Inference-Header-Content-Length"),
                        recording.header("Content-Length"));

        Recorded expected = Recorded.of(recording);
        assertEquals(expected.body, answer.body());
        boolean isClientsMistake = recording.status() == 500 && !recording.name().startsWith("shm_");
        assertEquals(isClientsMistake ? 400 : recording.status(), answer.status());
        assertEquals(expected.jsonLength, answer.jsonLength());
        if (recording.status() == 200) {
            assertEquals(recording.answerHeader("Content-Type").orElse(""), answer.contentType());
        }
    }

    private static SharedRange part(MemorySegment region, String name, long offset, long size) {
        if (!name.equals("r0")) {
            return SharedMemoryRegions.NONE.resolve(name, offset, size);
        }
        if (offset + size > region.byteSize()) {
            throw InferenceException.invalid("Invalid offset + byte size for shared memory region: '" + name + "'");
        }
        return SharedRange.of(region.asSlice(offset, size));
    }

    /** The recorded answer without the parameters that the reference's identity backend sets as an example. */
    private record Recorded(String body, Optional<String> jsonLength) {
        static Recorded of(Recording recording) {
            String all = recording.answer();
            String body = all;
            for (String extra : List.of("\"parameters\":{" + EXAMPLE_PARAMETERS + "},", "," + EXAMPLE_PARAMETERS)) {
                body = body.replace(extra, "");
            }
            int dropped = all.length() - body.length();
            return new Recorded(body, recording.answerHeader("Inference-Header-Content-Length")
                    .map(length -> "" + (Integer.parseInt(length) - dropped)));
        }
    }
}
