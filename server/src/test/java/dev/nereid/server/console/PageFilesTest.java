package dev.nereid.server.console;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.console.PageFiles.PageFile;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class PageFilesTest {
    private static final Pattern IMPORT = Pattern.compile("(?:from |import\\()'\\./([^']+)'");

    private final PageFiles files = PageFiles.read();

    private static Path directory() throws URISyntaxException {
        return Path.of(Objects.requireNonNull(PageFilesTest.class.getResource("page/files.txt")).toURI())
                .resolveSibling(".")
                .normalize();
    }

    private static List<String> names() throws IOException, URISyntaxException {
        try (Stream<Path> list = Files.list(directory())) {
            return list.map(file -> file.getFileName().toString()).filter(name -> !name.equals("files.txt")).sorted()
                    .toList();
        }
    }

    private String text(String name) {
        return new String(files.find("/" + name).orElseThrow().bytes(), UTF_8);
    }

    @Test
    void listsEveryFile() throws IOException, URISyntaxException {
        for (String name : names()) {
            assertTrue(files.find("/" + name).isPresent(), name);
        }
        assertEquals(files.find("/index.html"), files.find("/"));
        for (String other : List.of("/files.txt", "/../PageFiles.class", "/missing.js", "", "/page/index.html")) {
            assertEquals(Optional.empty(), files.find(other));
        }
    }

    @Test
    void isSmall() {
        assertTrue(files.byteSize() < 150_000, files.byteSize() + " bytes");
    }

    @Test
    void aTagIsThatOfTheContent() {
        PageFile page = files.find("/").orElseThrow();
        assertEquals(page.tag(), PageFiles.read().find("/").orElseThrow().tag());
        assertTrue(page.tag().matches("\"[0-9a-f]{32}\""), page.tag());
        assertFalse(page.tag().equals(files.find("/main.js").orElseThrow().tag()));
    }

    @Test
    void markupIsMadeOfNoText() throws IOException, URISyntaxException {
        for (String name : names()) {
            for (String forbidden : List.of("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                    "new Function", "DOMParser", "srcdoc", " style=", "javascript:")) {
                assertFalse(text(name).contains(forbidden), name + " has " + forbidden);
            }
        }
        assertFalse(Pattern.compile("<script(?![^>]*src=)|\\son[a-z]+=").matcher(text("index.html")).find());
    }

    @Test
    void nothingComesFromElsewhere() throws IOException, URISyntaxException {
        Set<String> known = new TreeSet<>(names());
        for (String name : names()) {
            assertFalse(text(name).replace("http://www.w3.org/2000/svg", "").matches("(?s).*(src|href)=\"?https?://.*"),
                    name);
            Matcher imports = IMPORT.matcher(text(name));
            while (imports.find()) {
                assertTrue(known.contains(imports.group(1)), name + " imports " + imports.group());
            }
        }
    }
}
