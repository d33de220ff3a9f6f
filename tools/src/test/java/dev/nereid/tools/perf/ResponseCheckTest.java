package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

final class ResponseCheckTest {
    private static final String FIRST = """
            {"outputs":[{"name":"A","datatype":"FP32","shape":[2],"data":[1.0,"x"]},\
            {"name":"B","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}}]}""";

    private final ResponseCheck check = new ResponseCheck(2);

    private boolean isSame(int request, String json, String tensors) throws IOException {
        HttpReply reply = new HttpReply();
        reply.read(new ByteArrayInputStream(("HTTP/1.1 200 OK\r\nInference-Header-Content-Length: " + json.length()
                + "\r\nContent-Length: " + (json.length() + tensors.length()) + "\r\n\r\n" + json + tensors)
                .getBytes(StandardCharsets.ISO_8859_1)));
        return check.isSame(request, reply);
    }

    @Test
    void comparesWithTheFirstAnswerToTheSameRequest() throws IOException {
        assertTrue(isSame(0, FIRST, "ab"));
        assertTrue(isSame(1, FIRST, "cd"));

        assertTrue(isSame(0, FIRST, "ab"));
        assertTrue(isSame(1, FIRST, "cd"));
        assertFalse(isSame(1, FIRST, "ab"));
        assertFalse(isSame(0, FIRST.replace("1.0", "1.5"), "ab"));
        assertFalse(isSame(0, FIRST.replace("\"shape\":[2]", "\"shape\":[1,2]"), "ab"));
    }

    @Test
    void overlooksWhatIsNoOutput() throws IOException {
        String other = """
                {"id":"7","outputs":[{"name":"B","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}},\
                {"name":"A","datatype":"FP32","shape":[2],"data":[1.0, "x"]}]}""";
        assertTrue(isSame(0, FIRST, "ab"));

        assertTrue(isSame(0, other, "ab"));
        assertFalse(isSame(0, other, "ax"));
    }

    @Test
    void callsWhatIsNotUnderstoodDifferent() throws IOException {
        assertTrue(isSame(0, FIRST, "ab"));

        assertFalse(isSame(0, "{}", ""));
    }
}
