package dev.nereid.tools.scaffold;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The tutorial shows what {@code nereid new-backend scale} writes, and other tests compile, test and serve. */
class TutorialTest {
    private static final Pattern BLOCK = Pattern.compile("```[a-z]*\n(.*?)```", Pattern.DOTALL);
    private static final Path TUTORIAL = Path.of("..", "docs", "writing-a-backend.md");

    @Test
    void showsTheFilesOfANewProject() throws IOException {
        List<String> blocks = BLOCK.matcher(Files.readString(TUTORIAL)).results()
                .map((MatchResult block) -> block.group(1)).toList();
        Map<String, String> files = BackendProject.of(new ProjectNames("scale", "com.example", "com.example.scale"),
                URI.create("file:///opt/nereid/lib/maven")).files();

        for (String path : List.of("src/main/java/com/example/scale/ScaleBackendFactory.java",
                "src/test/java/com/example/scale/ScaleContractTest.java", "pom.xml",
                "models/scale_sample/config.pbtxt")) {
            String text = String.valueOf(files.get(path));
            assertTrue(blocks.contains(text), () -> TUTORIAL.getFileName() + " must show " + path
                    + " as it is written now:\n" + text);
        }
    }
}
