package com.example.scale;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The tutorial shows the code that is compiled and tested here. */
class TutorialTest {
    private static final Pattern JAVA_BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);
    private static final Path TUTORIAL = Path.of("..", "docs", "writing-a-backend.md");
    private static final Path SOURCES = Path.of("src", "test", "java", "com", "example", "scale");

    @Test
    void showsTheCodeThatIsTested() throws IOException {
        List<String> blocks = JAVA_BLOCK.matcher(Files.readString(TUTORIAL)).results()
                .map((MatchResult block) -> block.group(1)).toList();

        assertEquals(2, blocks.size());
        assertEquals(Files.readString(SOURCES.resolve("ScaleBackendFactory.java")), blocks.get(0));
        assertEquals(Files.readString(SOURCES.resolve("ScaleContractTest.java")), blocks.get(1));
    }

    @Test
    void needsNoMoreThanSixtyLines() throws IOException {
        assertTrue(Files.readAllLines(SOURCES.resolve("ScaleBackendFactory.java")).size() <= 60);
    }
}
