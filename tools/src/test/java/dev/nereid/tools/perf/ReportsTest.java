package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

final class ReportsTest {
    private static LevelResult result(LoadLevel level, int requests, boolean hasServerTimes) {
        LoadRecorder recorder = new LoadRecorder();
        for (int i = 1; i <= requests; i++) {
            recorder.success(i * 1000L, 0);
        }
        ServerTimes times = new ServerTimes(requests, requests / 2, requests, requests * 1000L, 500L * requests,
                requests * 3000L, 250L * requests);
        return new LevelResult(level, 2, recorder.take(1_000_000_000, hasServerTimes ? times : ServerTimes.ZERO), 4,
                requests > 100, hasServerTimes, 3, Optional.of("busy"));
    }

    @Test
    void writesCommaSeparatedValues() {
        String csv = CsvReport.of(List.of(result(new LoadLevel.Concurrency(4), 1000, true),
                result(new LoadLevel.Concurrency(8), 100, false)));

        assertEquals(
                """
                        Concurrency,Inferences/Second,Avg latency,p50 latency,p90 latency,p95 latency,p99 latency,p99.9 latency,\
                        Max latency,Server Queue,Server Compute Input,Server Compute Infer,Server Compute Output,\
                        Network+Server Send/Recv,Server Batch,Errors,Windows,Stable
                        4,2000,500.505,500.223,900.095,950.271,990.207,999.423,1000.447,1,0.500,3,0.250,495.755,2,3,4,true
                        8,200,50.504,50.015,90.047,95.039,99.007,100.031,100.031,,,,,,,3,4,false
                        """,
                csv);
    }

    @Test
    void writesWhatIsMeasuredOfStreams() throws Exception {
        LoadRecorder recorder = new LoadRecorder(true);
        for (int i = 0; i < 3; i++) {
            ResponseTimes times = new ResponseTimes();
            long due = System.nanoTime();
            times.arrived();
            times.arrived();
            times.arrived();
            recorder.success(System.nanoTime() - due, 0);
            recorder.responses(times, due);
        }
        recorder.responses(new ResponseTimes(), 0);
        Window window = recorder.take(1_000_000_000, ServerTimes.ZERO);
        StreamTimes streams = window.streams().orElseThrow();

        assertEquals(3, streams.first().getTotalCount());
        assertEquals(6, streams.between().getTotalCount());
        LevelResult result = new LevelResult(new LoadLevel.Concurrency(1), 1, window, 3, true, false, 0,
                Optional.empty());
        List<String> names = List.of(CsvReport.of(List.of(result)).lines().findFirst().orElseThrow().split(",", -1));
        List<String> values = List.of(CsvReport.of(List.of(result)).lines().toList().get(1).split(",", -1));
        assertEquals("9", values.get(names.indexOf("Responses/Second")));
        assertTrue(names.containsAll(List.of("Avg first response", "p99.9 first response", "p95 between responses")),
                names::toString);
        assertTrue(HtmlReport.of("m", Map.of(), List.of(result)).contains("<th>p50 first response</th>"));
        StreamTimes twice = Window.merge(List.of(window, window)).streams().orElseThrow();
        assertEquals(18, twice.responses());
        assertEquals(12, twice.between().getTotalCount());
    }

    @Test
    void aTableOfStreamsLinesUpToo() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ResultTable table = new ResultTable(new PrintStream(bytes, true, StandardCharsets.UTF_8), false, true);

        table.begin();
        table.add(result(new LoadLevel.Concurrency(1), 1000, true));

        List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
        assertEquals(lines.get(0).length(), lines.get(1).length());
        assertTrue(lines.get(0).contains("resp/s first p50 first p99 between p50 between p99"), lines.get(0));
    }

    @Test
    void printsATableWhoseColumnsLineUp() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ResultTable table = new ResultTable(new PrintStream(bytes, true, StandardCharsets.UTF_8), true,
                false);

        table.begin();
        table.add(result(new LoadLevel.RequestRate(62.5), 1000, true));
        table.add(result(new LoadLevel.RequestRate(500), 10, false));

        List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
        assertEquals(lines.get(0).length(), lines.get(1).length());
        assertTrue(lines.get(1).startsWith("  62.50     2000.0     501 "), lines.get(1));
        assertTrue(lines.get(2).endsWith("      3  not stable"), lines.get(2));
        assertTrue(lines.get(2).contains(" - "), lines.get(2));
    }

    @Test
    void writesAPageThatNeedsNothingElse() throws Exception {
        String page = HtmlReport.of("Model <m> & more", Map.of("Server", "localhost:8000"),
                List.of(result(new LoadLevel.Concurrency(1), 1000, true),
                        result(new LoadLevel.Concurrency(2), 2000, true)));

        assertTrue(page.startsWith("<!DOCTYPE html>\n"));
        assertTrue(page.contains("<h1>Model &lt;m&gt; &amp; more</h1>"));
        assertFalse(page.contains("http"), "nothing is loaded from elsewhere");
        assertFalse(page.contains("NaN") || page.contains("Infinity"));
        List<Element> plots = plots(page);
        assertEquals(3, plots.size());
        assertEquals(5, plots.get(0).getElementsByTagName("polyline").getLength(), "a line for each percentile");
        assertEquals(2, plots.get(1).getElementsByTagName("polyline").getLength(), "a line for each level");
        assertEquals(2 * 5, plots.get(2).getElementsByTagName("rect").getLength(),
                "a part for each time of each level");
    }

    @Test
    void marksEveryLatencyBetweenRoundNumbers() throws Exception {
        Element plot = plots(HtmlReport.of("m", Map.of(), List.of(result(new LoadLevel.Concurrency(1), 1000, true))))
                .getFirst();

        // From p50, 500.2 us, to p99.9, 999.4 us.
        assertEquals(List.of("500", "1,000"), marks(plot));
    }

    private static List<String> marks(Element plot) {
        List<String> marks = new ArrayList<>();
        NodeList texts = plot.getElementsByTagName("text");
        for (int i = 0; i < texts.getLength(); i++) {
            if (texts.item(i) instanceof Element text && text.getAttribute("text-anchor").equals("end")) {
                marks.add(text.getTextContent());
            }
        }
        return marks;
    }

    @Test
    void theBarsOfALevelAreAsHighAsItsMeanLatency() throws Exception {
        LevelResult level = result(new LoadLevel.RequestRate(100), 1000, true);
        Element bars = plots(HtmlReport.of("m", Map.of(), List.of(level))).get(2);

        double sum = 0;
        NodeList titles = bars.getElementsByTagName("title");
        for (int i = 0; i < titles.getLength(); i++) {
            String title = titles.item(i).getTextContent();
            sum += Double.parseDouble(title.substring(title.indexOf(' ')));
        }
        assertEquals(level.window().meanMicros(), sum, 0.5);
    }

    @Test
    void drawsNoMoreCurvesThanCanBeToldApart() throws Exception {
        List<LevelResult> results = new ArrayList<>();
        for (int i = 1; i <= 30; i++) {
            results.add(result(new LoadLevel.Concurrency(i), 100 * i, false));
        }

        Element plot = plots(HtmlReport.of("m", Map.of(), results)).get(1);

        assertEquals(8, plot.getElementsByTagName("polyline").getLength());
        assertTrue(plot.getTextContent().contains("Concurrency 1\n")
                && plot.getTextContent().contains("Concurrency 30\n"));
    }

    @Test
    void drawsASingleResultOfASingleRequest() throws Exception {
        String page = HtmlReport.of("m", Map.of(), List.of(result(new LoadLevel.RequestRate(1), 1, false)));

        assertFalse(page.contains("NaN") || page.contains("Infinity"));
        assertEquals(2, plots(page).size(), "without the server's own times");
    }

    @Test
    void drawsNothingAtAll() throws Exception {
        String page = HtmlReport.of("m", Map.of(), List.of(result(new LoadLevel.RequestRate(1), 0, false)));

        assertFalse(page.contains("NaN") || page.contains("Infinity"));
        assertEquals(2, plots(page).size());
    }

    private static List<Element> plots(String page) throws Exception {
        List<Element> plots = new ArrayList<>();
        for (int start = page.indexOf("<svg"); start >= 0; start = page.indexOf("<svg", start + 1)) {
            String svg = page.substring(start, page.indexOf("</svg>", start) + "</svg>".length());
            Document document = DocumentBuilderFactory.newInstance().newDocumentBuilder()
                    .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
            plots.add(document.getDocumentElement());
        }
        return plots;
    }
}
