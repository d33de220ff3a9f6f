package dev.nereid.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.JsonWriter;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Chromium, driven by the WebDriver protocol. For one thread. */
final class Browser implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final String ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
    private static final Pattern STARTED = Pattern.compile("started successfully on port (\\d+)");

    private final Process driver;
    private final HttpClient http = HttpClient.newHttpClient();
    private final String base;
    private String session = "";

    private Browser(Process driver, int port) {
        this.driver = driver;
        this.base = "http://127.0.0.1:" + port + "/session";
    }

    /** Starts a browser; empty where none is installed. */
    static Optional<Browser> start(Path profile) throws IOException {
        Optional<Path> chromium = program("chromium", "chromium-browser", "google-chrome");
        Optional<Path> driver = program("chromedriver");
        if (chromium.isEmpty() || driver.isEmpty()) {
            return Optional.empty();
        }
        Process process = new ProcessBuilder(driver.get().toString(), "--port=0").redirectErrorStream(true).start();
        BufferedReader output = process.inputReader(UTF_8);
        for (String line = output.readLine(); line != null; line = output.readLine()) {
            Matcher matcher = STARTED.matcher(line);
            if (matcher.find()) {
                Browser browser = new Browser(process, Integer.parseInt(matcher.group(1)));
                browser.open(chromium.get(), profile);
                return Optional.of(browser);
            }
        }
        throw new AssertionError("chromedriver ended at its start");
    }

    private static Optional<Path> program(String... names) {
        return Stream.of(names).flatMap(name -> Stream.of("/usr/bin", "/usr/local/bin", "/usr/lib/chromium")
                .map(directory -> Path.of(directory, name))).filter(Files::isExecutable).findFirst();
    }

    private void open(Path chromium, Path profile) {
        JsonWriter json = new JsonWriter().beginObject().name("capabilities").beginObject().name("alwaysMatch")
                .beginObject();
        json.name("goog:loggingPrefs").beginObject().name("browser").string("ALL").endObject();
        json.name("goog:chromeOptions").beginObject().name("binary").string(chromium.toString()).name("args")
                .beginArray();
        for (String argument : List.of("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--disable-background-networking", "--no-first-run", "--lang=en", "--window-size=1200,900",
                "--force-color-profile=srgb", "--user-data-dir=" + profile)) {
            json.string(argument);
        }
        json.endArray().endObject().endObject().endObject().endObject();
        JsonValue answer = call("POST", "", json);
        session = "/" + answer.member("sessionId").asString();
    }

    private JsonValue call(String method, String path, JsonWriter body) {
        HttpRequest request = HttpRequest.newBuilder(URI.create(base + session + path)).timeout(LIMIT)
                .method(method, method.equals("GET")
                        ? HttpRequest.BodyPublishers.noBody()
                        : HttpRequest.BodyPublishers.ofByteArray(body.toByteArray()))
                .build();
        try {
            HttpResponse<byte[]> answer = http.send(request, HttpResponse.BodyHandlers.ofByteArray());
            JsonValue value = new JsonDocument().parse(answer.body()).member("value");
            if (answer.statusCode() != 200) {
                throw new AssertionError(path + ": " + value.member("message").asString());
            }
            return value;
        } catch (IOException e) {
            throw new AssertionError(path, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(path, e);
        }
    }

    private JsonValue call(String path, Consumer<JsonWriter> members) {
        JsonWriter json = new JsonWriter().beginObject();
        members.accept(json);
        return call("POST", path, json.endObject());
    }

    /** Opens a page. */
    void go(String url) {
        call("/url", json -> json.name("url").string(url));
    }

    /** Runs a script in the page and returns what it returns, as text; empty for nothing. */
    String run(String script) {
        JsonValue value = call("/execute/sync",
                json -> json.name("script").string("const value = (() => {" + script
                        + "})(); return value === undefined || value === null ? '' : String(value);").name("args")
                        .beginArray().endArray());
        return value.asString();
    }

    /** Runs a script that returns a promise of a text. */
    String await(String script) {
        return call("/execute/sync",
                json -> json.name("script").string(script).name("args").beginArray().endArray()).asString();
    }

    /** Waits until a script returns that text. */
    void until(String script, String expected) {
        until(script, expected::equals, "'" + expected + "'");
    }

    /** Waits until a script returns a text that holds that one. */
    void untilHas(String script, String part) {
        until(script, text -> text.contains(part), "something with '" + part + "'");
    }

    private void until(String script, Predicate<String> condition, String expected) {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        String last = run(script);
        while (!condition.test(last)) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError(script + " returns '" + last + "', expected " + expected);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            last = run(script);
        }
    }

    private String find(String css) {
        return call("/element", json -> json.name("using").string("css selector").name("value").string(css))
                .member(ELEMENT).asString();
    }

    /** Clicks on the element. */
    void click(String css) {
        call("/element/" + find(css) + "/click", _ -> {
        });
    }

    /** Types into the element, in place of what it holds; a path, where it takes a file. */
    void type(String css, String text, boolean isFile) {
        String element = find(css);
        if (!isFile) {
            call("/element/" + element + "/clear", _ -> {
            });
        }
        call("/element/" + element + "/value", json -> json.name("text").string(text));
    }

    /** Presses a key on whatever has the focus: a character, or one of WebDriver's codes for other keys. */
    void press(String key) {
        call("/actions", json -> {
            json.name("actions").beginArray().beginObject().name("type").string("key").name("id").string("keys");
            json.name("actions").beginArray();
            for (String type : List.of("keyDown", "keyUp")) {
                json.beginObject().name("type").string(type).name("value").string(key).endObject();
            }
            json.endArray().endObject().endArray();
        });
    }

    /** Shows pages for light or dark surroundings, and that wide; 0 for as wide as the window. */
    void show(String scheme, int width, int height) {
        devTools("Emulation.setEmulatedMedia", json -> json.name("features").beginArray().beginObject().name("name")
                .string("prefers-color-scheme").name("value").string(scheme).endObject().endArray());
        devTools("Emulation.setDeviceMetricsOverride", json -> json.name("width").integer(width).name("height")
                .integer(height).name("deviceScaleFactor").integer(1).name("mobile").bool(width > 0 && width < 600));
    }

    private void devTools(String command, Consumer<JsonWriter> parameters) {
        call("/goog/cdp/execute", json -> {
            json.name("cmd").string(command).name("params").beginObject();
            parameters.accept(json);
            json.endObject();
        });
    }

    /** Writes a picture of what is to be seen. */
    void picture(Path file) throws IOException {
        byte[] png = Base64.getDecoder().decode(call("GET", "/screenshot", new JsonWriter()).asString());
        Files.createDirectories(file.getParent());
        Files.write(file, png);
    }

    /** Returns what the page has complained about since the last call: errors of scripts, refused content. */
    List<String> complaints() {
        List<String> complaints = new ArrayList<>();
        for (JsonValue entry : call("/se/log", json -> json.name("type").string("browser")).elements()) {
            if (entry.member("level").asString().equals("SEVERE")) {
                complaints.add(entry.member("message").asString());
            }
        }
        return complaints;
    }

    @Override
    public void close() {
        try {
            call("DELETE", "", new JsonWriter().beginObject().endObject());
        } finally {
            driver.destroy();
        }
    }
}
