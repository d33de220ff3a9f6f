package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's request to a model that answers many times, sent to the sample model that it names. */
class StreamingIT {
    private static final Path README = Path.of("..", "README.md");
    private static final Pattern REQUEST = Pattern
            .compile("curl -N localhost:8000(/v2/models/square/generate_stream) -d '(.*)'");

    @TempDir
    private Path directory;

    @Test
    void theReadmesStreamAnswersAsOftenAsItIsAsked() throws Exception {
        Matcher request = REQUEST.matcher(Files.readString(README));
        assertTrue(request.find());
        Path models = directory.resolve("models");
        Process samples = new ProcessBuilder(RunningServer.LAYOUT.resolve("nereid").toString(), "samples",
                models.toString(), "--models=square").inheritIO().start();
        assertEquals(0, samples.waitFor());

        try (RunningServer server = RunningServer.start(models)) {
            HttpResponse<String> answer = server.post(request.group(1), request.group(2));

            assertEquals(200, answer.statusCode(), answer::body);
            List<String> events = answer.body().lines().filter(line -> line.startsWith("data: ")).toList();
            assertEquals(3, events.size(), answer::body);
            assertTrue(events.stream().allMatch(event -> event.contains("\"OUT\":3")), answer::body);
        }
    }
}
