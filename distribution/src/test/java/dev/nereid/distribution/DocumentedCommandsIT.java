package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The commands that the documentation of PyTorch models shows work as they stand there, with smaller numbers. */
class DocumentedCommandsIT {
    private static final Path DOCUMENT = Path.of("..", "docs", "pytorch.md");
    private static final Pattern BLOCK = Pattern.compile("(?m)^    (\\S.*java\" (?:.*\\\\\\n)*.*)$");

    private static List<String> commands() throws IOException {
        return BLOCK.matcher(Files.readString(DOCUMENT)).results().map(MatchResult::group).toList();
    }

    @Test
    void allAreTested() throws IOException {
        assertEquals(3, commands().size(), commands()::toString);
    }

    @ParameterizedTest
    @CsvSource({"PyTorchThreads,0.01 - mlp-1,mlp-1: executions", "PyTorchSoak,20 2 - mlp-1,pointers",
        "PyTorchOverhead,1 - mlp-1,mlp-1"})
    void runAsTheyAre(String program, String arguments, String expected) throws IOException, InterruptedException {
        String command = commands().stream().filter(each -> each.contains("." + program + " ")).findFirst()
                .orElseThrow();
        String small = command.replaceFirst("(?s)(\\." + program + ") .*", "$1 " + arguments);
        ProcessBuilder builder = new ProcessBuilder("bash", "-c", small).directory(RunningServer.LAYOUT.toFile())
                .redirectErrorStream(true);
        builder.environment().put(RunningServer.CPU_ONLY, "1");

        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertTrue(process.waitFor(120, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue(), output);
        assertTrue(output.contains(expected), output);
        assertFalse(output.contains("do not match"), output);
    }
}
