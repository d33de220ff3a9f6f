package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The page about HTTP lists the endpoints that there are, with their methods. */
class HttpPageTest {
    private static final Pattern PATH = Pattern.compile("`(?:POST )?(/v2[^` ]*)`");
    private static final Pattern METHOD = Pattern.compile("\\b(GET|POST)\\b");
    private static final Pattern OPTION = Pattern.compile("\\[([^\\]]*)\\]");

    private static List<String> expanded(String path) {
        Matcher option = OPTION.matcher(path);
        if (!option.find()) {
            return List.of(path.replace("/M", "/m").replace("/V", "/1").replace("/R",
                    "/r"));
        }
        List<String> all = new ArrayList<>(expanded(option.replaceFirst("")));
        all.addAll(expanded(option.replaceFirst("$1")));
        return all;
    }

    /** Tests run in the module, or in the whole project. */
    private static Path page() {
        Path page = Path.of("docs/http.md");
        return Files.exists(page) ? page : Path.of("..").resolve(page);
    }

    @Test
    void listsEveryEndpointWithItsMethods() throws IOException {
        Map<Endpoint, Set<String>> listed = new EnumMap<>(Endpoint.class);
        for (String line : Files.readAllLines(page())) {
            Matcher path = PATH.matcher(line);
            while (path.find()) {
                for (String each : expanded(path.group(1))) {
                    Route route = Route.match(each).orElseThrow(() -> new AssertionError("no endpoint: " + each));
                    METHOD.matcher(line.substring(0, path.end())).results().forEach(method -> listed
                            .computeIfAbsent(route.endpoint(), _ -> new TreeSet<>()).add(method.group()));
                }
            }
        }

        assertEquals(EnumSet.allOf(Endpoint.class), listed.keySet());
        listed.forEach((endpoint, methods) -> {
            assertTrue(methods.stream().allMatch(endpoint::allows), endpoint + " " + methods);
            assertEquals(methods.contains("POST"), endpoint.allows("POST"), endpoint::name);
            assertEquals(methods.contains("GET"), endpoint.allows("GET"), endpoint::name);
        });
    }
}
