package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The types that the page's modules declare in their comments are right, as far as TypeScript can tell. */
@Timeout(180)
class PageTypesTest {
    private static final Path PAGE = Path.of("src/main/resources/dev/nereid/server/console/page").toAbsolutePath();

    @Test
    void modulesAgreeAboutTypes(@TempDir Path directory) throws IOException {
        Optional<Path> tools = NodeTools.directory();
        if (tools.isEmpty()) {
            System.out.println("PageTypesTest: skipped, since there is no npm, or nowhere to get TypeScript from");
            assumeTrue(false, "no TypeScript");
        }
        Files.writeString(directory.resolve("tsconfig.json"),
                """
                        {"compilerOptions": {"allowJs": true, "checkJs": true, "noEmit": true, "strict": true, "target": "es2024",
                          "module": "esnext", "moduleResolution": "bundler", "lib": ["es2024", "dom", "dom.iterable"],
                          "noUnusedLocals": true, "noUnusedParameters": true, "noImplicitReturns": true, "types": []},
                         "include": ["%s/*.js"]}
                        """
                        .formatted(PAGE));

        NodeTools.Outcome outcome = NodeTools.run(tools.orElseThrow(), "npx", "tsc", "-p",
                directory.resolve("tsconfig.json").toString());

        assertEquals("", outcome.output());
        assertEquals(0, outcome.status());
    }
}
