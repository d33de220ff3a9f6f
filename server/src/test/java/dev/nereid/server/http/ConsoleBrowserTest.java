package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.awt.Color;
import java.awt.Graphics;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The console in a real browser, where one is installed; pictures are written to {@code target/console}. One browser and one
 * server for all, in the order of a visit.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Timeout(120)
class ConsoleBrowserTest {
    private static final Path PICTURES = Path.of("target", "console");
    private static final String HOSTILE = "<img src=x onerror=window.hacked=1>'\"$(id)`";
    private static final String TAB = "\uE004";
    private static final String ENTER = "\uE007";

    private Path directory;
    private TestServer server;
    private Browser browser;
    private String origin;

    @BeforeAll
    void start(@TempDir Path temporary) throws IOException {
        directory = temporary;
        Optional<Browser> started = Browser.start(directory.resolve("profile"));
        if (started.isEmpty()) {
            System.out.println("ConsoleBrowserTest: skipped, since there is no Chromium with its driver here"
                    + " (Debian: chromium chromium-driver)");
            assumeTrue(false, "no browser");
        }
        browser = started.orElseThrow();
        server = TestServer.start(directory.resolve("server"), "--console", "--console-port=0", "--console-write",
                "--model-control-mode=explicit", "--load-model=*");
        origin = "http://localhost:" + server.consolePort() + "/";
        browser.show("light", 1200, 900);
        browser.go(origin);
        browser.until("return document.querySelector('#connection').textContent", "live");
    }

    @AfterAll
    void stop() {
        if (browser != null) {
            browser.close();
        }
        if (server != null) {
            server.close();
        }
    }

    @AfterEach
    void nothingWasRefusedOrBroken() {
        if (browser != null) {
            assertEquals(List.of(), browser.complaints().stream()
                    // The answers that these tests ask for.
                    .filter(text -> !text.contains("the server responded with a status of")).toList());
        }
    }

    private void open(String view) {
        browser.run("location.hash = " + quoted(view));
        browser.until("return location.hash + document.querySelectorAll('main h1').length", view + "1");
    }

    private static String quoted(String text) {
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
    }

    /** Returns a script that returns the text of a model's cell. */
    private static String cell(String model, int column) {
        return "const row = [...document.querySelectorAll('tbody tr')].find(row => row.cells[0].textContent === "
                + quoted(model) + "); return row ? row.cells[" + column + "].textContent : 'no row'";
    }

    private static String stateOf(String model) {
        return cell(model, 2).replace(".textContent : 'no", ".querySelector('.badge').textContent : 'no");
    }

    private static String reasonOf(String model) {
        return cell(model, 2).replace("row.cells[2]", "row.nextElementSibling");
    }

    private void infer(String model, String parameters) {
        assertEquals(200, server.post("/v2/models/" + model + "/infer", TestServer.inferBody(parameters)).status());
    }

    @Test
    @Order(1)
    void showsTheModelsAndWhatTheyDo() throws IOException {
        browser.until(stateOf("batched"), "READY");
        browser.until(cell("batched", 8), "0 of 1");
        for (int i = 0; i < 30; i++) {
            infer("batched", "");
        }
        browser.untilHas(cell("batched", 4), "s");
        browser.until("return document.querySelector('#server-name').textContent.split(' ')[0]", "triton");
        assertEquals("Models – Nereid console", browser.run("return document.title"));
    }

    @Test
    @Order(2)
    void followsALoadThatFailsAndOneThatDoesNot() throws Exception {
        CountDownLatch held = new CountDownLatch(1);
        server.backend().beforeEachLoad(model -> {
            try {
                assertTrue(held.await(60, TimeUnit.SECONDS));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            throw new IllegalStateException("no such weights in " + model);
        });
        TestServer.writeModel(server.models(), "late", "max_batch_size: 8", "TYPE_FP32", "4");
        browser.until(stateOf("late"), "not loaded");
        browser.click("button[aria-label='load late']");
        browser.until(stateOf("late"), "LOADING");
        held.countDown();
        browser.until(stateOf("late"), "UNAVAILABLE");
        browser.untilHas(reasonOf("late"), "no such weights in late");
        browser.untilHas("return document.querySelector('main p[role=status]').textContent", "load of late failed");
        server.backend().beforeEachLoad(model -> {
        });
        browser.click("button[aria-label='load late']");
        browser.until(stateOf("late"), "READY");
        browser.click("button[aria-label='unload late']");
        browser.until(stateOf("late"), "UNAVAILABLE");
        browser.until(reasonOf("late"), "unloaded");
    }

    @Test
    @Order(3)
    void sendsARequestThatNeedsNoTyping() throws IOException {
        open("#/model/batched/1");
        browser.until("return document.querySelectorAll('form fieldset').length", "1");
        browser.click("form button[type=submit]");
        browser.until("return document.querySelector('main form + div td:nth-child(4)')?.textContent",
                "0, 0.1, 0.2, 0.3");
        browser.untilHas("return document.querySelector('form p[role=status]').textContent", "answered in");
        assertEquals("curl http://127.0.0.1:" + server.port() + "/v2/models/batched/versions/1/infer -d '{\"inputs\":"
                + "[{\"name\":\"INPUT0\",\"shape\":[1,4],\"datatype\":\"FP32\",\"data\":[0,0.1,0.2,0.3]}]}'",
                browser.run(
                        "return document.querySelector(\"pre[aria-label='The same request with curl']\").textContent"));
        browser.type("form textarea", "7, 8, 9", false);
        browser.until("return document.querySelector('form p[role=status]').textContent",
                "input 'INPUT0' has 3 values, shape [1, 4] needs 4");
        browser.type("form textarea", "7, 8, 9, 10", false);
        browser.press(TAB);
        browser.press(ENTER);
        browser.until("return document.querySelector('main form + div td:nth-child(4)')?.textContent", "7, 8, 9, 10");
    }

    @Test
    @Order(4)
    void thePythonSnippetIsWhatItIsTakenFor() {
        String snippet = browser.run("return document.querySelector(\"pre[aria-label='The same request in Python']\")"
                + ".textContent");
        assertEquals("""
                import numpy as np
                import tritonclient.http as http

                client = http.InferenceServerClient("127.0.0.1:%d")
                inputs = []
                values = np.array([7, 8, 9, 10], dtype=np.float32).reshape([1, 4])
                inputs.append(http.InferInput("INPUT0", [1, 4], "FP32"))
                inputs[-1].set_data_from_numpy(values)
                result = client.infer("batched", inputs, model_version="1")
                print("OUTPUT0", result.as_numpy("OUTPUT0"))""".formatted(server.port()), snippet);
    }

    @Test
    @Order(5)
    void plotsFollowTheLoad() throws IOException {
        String latest = "return document.querySelector('svg.plot').getAttribute('aria-label')";
        browser.untilHas(latest, "now answered 0");
        Thread load = Thread.ofVirtual().start(() -> {
            while (!Thread.currentThread().isInterrupted()) {
                infer("batched", "\"delay_ms\":1");
                infer("batched", "");
            }
        });
        try {
            browser.until("const text = document.querySelector('svg.plot').getAttribute('aria-label');"
                    + " return /now answered [1-9]/.test(text)", "true");
            browser.until("return document.querySelectorAll('svg.plot')[1].querySelector('path').getAttribute('d')"
                    + ".length > 20", "true");
            browser.until("return document.querySelectorAll('svg.plot rect').length > 0", "true");
            browser.run("scrollTo(0, 0)");
            browser.picture(PICTURES.resolve("model.png"));
        } finally {
            load.interrupt();
        }
        browser.untilHas(latest, "now answered 0");
    }

    @Test
    @Order(6)
    void anImageBecomesATensor() throws IOException {
        TestServer.writeModel(server.models(), "pixels", "", "TYPE_FP32", "3, 8, 8");
        assertEquals(200, server.post("/v2/repository/models/pixels/load", "").status());
        BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
        Graphics graphics = image.getGraphics();
        graphics.setColor(new Color(255, 0, 51));
        graphics.fillRect(0, 0, 16, 16);
        graphics.dispose();
        Path file = directory.resolve("red.png");
        ImageIO.write(image, "png", file.toFile());
        open("#/model/pixels/1");
        browser.until("return document.querySelectorAll('input[type=file]').length", "1");
        browser.type("input[type=file]", file.toString(), true);
        browser.untilHas("return document.querySelector('fieldset p').textContent", "192 values from red.png");
        browser.click("form button[type=submit]");
        browser.untilHas("return document.querySelector('main form + div td:nth-child(4)')?.textContent", "1, 1, 1");
        browser.until("return JSON.parse(document.querySelector('details pre').textContent).outputs[0].data"
                + ".filter((value, i) => i % 64 === 0).map(value => value.toFixed(2)).join()", "1.00,0.00,0.20");
    }

    @Test
    @Order(7)
    void namesAreNoMarkupAndNoCode() throws IOException {
        TestServer.writeModel(server.models(), HOSTILE, "max_batch_size: 8", "TYPE_FP32", "4");
        open("#/models");
        browser.until(stateOf(HOSTILE), "not loaded");
        browser.run(
                "[...document.querySelectorAll('button')].find(button => button.getAttribute('aria-label') === 'load ' + "
                        + quoted(HOSTILE) + ").click()");
        browser.until(stateOf(HOSTILE), "READY");
        browser.run("[...document.querySelectorAll('a')].find(link => link.textContent === " + quoted(HOSTILE)
                + ").click()");
        browser.until("return document.querySelectorAll('form fieldset').length", "1");
        browser.click("form button[type=submit]");
        browser.untilHas("return document.querySelector('form p[role=status]').textContent", "answered in");
        // The shell gets one word.
        browser.untilHas("return document.querySelector(\"pre[aria-label='The same request with curl']\").textContent",
                "'http://127.0.0.1:" + server.port()
                        + "/v2/models/%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D1%3E'\\''%22");
        assertEquals(404, server.get("/v2/models/%3Cscript%3Ewindow.hacked=1%3C%2Fscript%3E").status());
        server.log("<script>window.hacked=1</script>");
        open("#/failures");
        browser.untilHas("return document.querySelector('tbody')?.textContent", "script>window.hacked=1");
        open("#/log");
        browser.untilHas("return document.querySelector('pre.log').textContent", "<script>window.hacked=1</script>");
        assertEquals("undefined 0", browser.run(
                "return typeof window.hacked + ' ' + document.querySelectorAll('main script, main img').length"));
    }

    @Test
    @Order(8)
    void theLogLevelCanBeChanged() {
        open("#/log");
        browser.until("return document.querySelector('select')?.closest('label').hidden", "false");
        browser.run("const level = document.querySelector('select'); level.value = '1';"
                + " level.dispatchEvent(new Event('change'))");
        browser.untilHas("return document.querySelector('main p[role=status]').textContent", "verbose level is 1");
        assertEquals(1, server.logOptions().verboseLevel());
    }

    @Test
    @Order(9)
    void isUsedWithTheKeyboardAlone() {
        browser.go(origin);
        browser.until("return document.querySelector('#connection').textContent", "live");
        browser.press(TAB);
        browser.until("return document.activeElement.className", "skip");
        browser.press(TAB);
        browser.press(TAB);
        browser.until("return document.activeElement.textContent", "Machine");
        browser.press(ENTER);
        browser.until("return document.querySelector('main h1').textContent + document.activeElement.id",
                "Machinecontent");
        browser.untilHas("return document.querySelector('svg.plot').getAttribute('aria-label')",
                "Processor over the last");
    }

    @Test
    @Order(10)
    void fitsAPhoneInLightAndDark() throws IOException {
        open("#/models");
        browser.until(stateOf("batched"), "READY");
        browser.until("return document.documentElement.scrollWidth <= innerWidth", "true");
        browser.picture(PICTURES.resolve("models.png"));
        browser.show("dark", 390, 840);
        for (String view : List.of("#/models", "#/model/batched/1", "#/machine", "#/failures", "#/log")) {
            open(view);
            browser.until("return document.documentElement.scrollWidth + ' of ' + innerWidth", "390 of 390");
        }
        open("#/models");
        browser.until(stateOf("batched"), "READY");
        browser.picture(PICTURES.resolve("phone.png"));
        browser.show("light", 1200, 900);
    }

    @Test
    @Order(11)
    void axeFindsNothing() throws IOException {
        Optional<Path> tools = NodeTools.directory();
        if (tools.isEmpty()) {
            System.out.println(
                    "ConsoleBrowserTest: accessibility is not checked, since there is no npm, or nowhere to get"
                            + " axe-core from");
            assumeTrue(false, "no axe-core");
        }
        String axe = Files.readString(tools.orElseThrow().resolve("node_modules/axe-core/axe.min.js"));
        for (String scheme : List.of("light", "dark")) {
            browser.show(scheme, 1200, 900);
            for (String view : List.of("#/models", "#/model/batched/1", "#/machine", "#/failures", "#/log")) {
                open(view);
                browser.until("return document.querySelector('main').textContent.length > 20", "true");
                browser.run(axe);
                assertEquals("", browser.await("return axe.run(document).then(found => found.violations.map(each =>"
                        + " each.id + ': ' + each.nodes.map(node => node.html).join(' ')).join('\\n'))"),
                        () -> view + " in " + scheme);
            }
        }
    }

    /** What only the requests of the page need is asked for, too, and what was refused is then there without a reload. */
    @Test
    @Order(12)
    void asksForWhatIsRestricted() throws IOException {
        Path tokens = Files.writeString(directory.resolve("tokens"), "0123456789abcdef\n");
        try (TestServer restricted = TestServer.start(directory.resolve("restricted"), "--console", "--console-port=0",
                "--auth-token-file=" + tokens, "--http-restricted-api=model-config,inference:model-key=s3cret")) {
            browser.show("light", 1200, 900);
            browser.go("http://localhost:" + restricted.consolePort() + "/#/model/batched/1");
            String panel = "return document.querySelector('#access').textContent";
            browser.untilHas(panel, "Restricted here: metadata, model-repository, model-config, statistics, inference, "
                    + "logging.");
            browser.type("#access input[name=authorization]", "Bearer 0123456789abcdef" + ENTER, false);
            browser.untilHas(panel, "Restricted here: model-config, inference.");
            browser.untilHas("return document.querySelector('main').textContent",
                    "The configuration is not to be had: This API is restricted, expecting header 'model-key'");
            browser.type("#access input[name=model-key]", "s3cret" + ENTER, false);
            browser.until("return document.querySelector('#access').hidden", "true");
            browser.untilHas("return document.querySelector('main').textContent",
                    "-H 'authorization: <value>' -H 'model-key: <value>'");
            browser.click("main form button.main");
            browser.untilHas("return document.querySelector('main').textContent", "answered in ");
            browser.go(origin);
        }
    }
}
