package dev.nereid.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class BenchReportsTest {
    private static final CaseResult SMALL = new CaseResult(BenchCase.IDENTITY_BINARY, "", 16,
            RoundsTest.rounds(700, 500, 600), RoundsTest.rounds(1000, 1000, 1000), Optional.empty(),
            Optional.empty(), OptionalDouble.of(5120), 200, Double.NaN, false);
    private static final CaseResult HEAVY = new CaseResult(BenchCase.UNET, "A", 1, RoundsTest.rounds(10),
            RoundsTest.rounds(1000), Optional.of(RoundsTest.rounds(11)), Optional.empty(), OptionalDouble.empty(), 300,
            Double.NaN, false);
    private static final Figure START = new Figure("later start, ready", "s", List.of(1.5, 2.5),
            Optional.of(Mark.START_SECONDS));

    private static final List<SoakSample> SOAK = List.of(new SoakSample(0, 300, 64, 30, 40, 90, 0, 0),
            new SoakSample(0.5, 320.5, Double.NaN, Double.NaN, 41, 91, 9000, 1));

    @Test
    void judgesByTheMarks() {
        assertEquals(
                List.of("throughput >= 0.65: missed", "p50 <= 3: passed", "p99 <= 0.33: missed",
                        "heap KiB <= 6: passed"),
                Mark.verdicts(SMALL).stream().map(Mark.Verdict::text).toList());
        assertEquals(List.of("of libtorch >= 0.97: missed"),
                Mark.verdicts(HEAVY).stream().map(Mark.Verdict::text).toList());
        assertEquals("start <= 2: passed", START.verdict().orElseThrow().text());
    }

    @Test
    void comparesWithAnotherServerWithoutMarksForThat() {
        CaseResult against = new CaseResult(SMALL.benchCase(), "", 16, SMALL.server(), SMALL.handler(),
                Optional.empty(),
                Optional.empty(), SMALL.heapBytes(), 200, 155, true);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        BenchTable table = new BenchTable(new PrintStream(bytes, true, StandardCharsets.UTF_8),
                Set.of(BenchCase.IDENTITY_BINARY), true);
        table.begin();
        table.add(against);
        String text = bytes.toString(StandardCharsets.UTF_8);

        assertEquals(List.of("heap KiB <= 6: passed"),
                Mark.verdicts(against).stream().map(Mark.Verdict::text).toList());
        assertTrue(text.contains("req/s  other ratio"), text);
        assertTrue(text.contains("   200    155  heap KiB passed"), text);
        assertTrue(BenchPage.of(Map.of(), List.of(against), List.of(), List.of())
                .contains("divided by that of the other server"));
    }

    @Test
    void saysNothingWhereThereIsNoMark() {
        CaseResult many = new CaseResult(BenchCase.IDENTITY_JSON, "", 64, RoundsTest.rounds(1), RoundsTest.rounds(1),
                Optional.empty(), Optional.empty(), OptionalDouble.empty(), 0, Double.NaN, false);

        assertEquals(List.of(), Mark.verdicts(many));
    }

    @Test
    void writesCsv() {
        String[] lines = BenchCsv.ofCases(List.of(SMALL, HEAVY)).split("\n", -1);

        assertTrue(lines[0].startsWith("case,server,connections,rounds,failures,requests_per_second,"), lines[0]);
        assertTrue(lines[1].startsWith("identity-binary,,16,3,0,600.000,1000.000,0.600,1666.667,1000.000,1.667,"),
                lines[1]);
        assertTrue(lines[1].endsWith(",5.000,200.000,,,,0.500,0.700,throughput >= 0.65: missed; p50 <= 3: passed; "
                + "p99 <= 0.33: missed; heap KiB <= 6: passed"), lines[1]);
        assertTrue(lines[2].contains(",11.000,0.909,"), lines[2]);
        assertEquals(lines[0].split(",", -1).length, lines[1].split(",", -1).length);
        assertEquals("""
                figure,unit,median,values,mark
                "later start, ready",s,2.000,1.500 2.500,start <= 2: passed
                """, BenchCsv.ofFigures(List.of(START)));
    }

    @Test
    void writesASampleOfASoakAsALine() {
        assertEquals("""
                minutes,resident_mib,heap_committed_mib,heap_used_mib,threads,open_files,requests,wrong_answers
                0.000,300.000,64.000,30.000,40,90,0,0
                0.500,320.500,,,41,91,9000,1
                """, BenchCsv.soakHeader() + BenchCsv.of(SOAK.getFirst()) + BenchCsv.of(SOAK.getLast()));
    }

    @Test
    void showsWhatIsCountedWithoutAPoint() {
        assertEquals("1039", new Figure("threads", "", List.of(1039.0), Optional.empty()).text());
        assertEquals("37", new Figure("threads", "", List.of(37.0), Optional.empty()).text());
        assertEquals("-0.25 MiB", new Figure("memory", "MiB", List.of(-0.25), Optional.empty()).text());
        assertEquals("-12.5 MiB", new Figure("memory", "MiB", List.of(-12.5), Optional.empty()).text());
    }

    @Test
    void printsATable() {
        String text = table(Set.of(BenchCase.IDENTITY_BINARY), SMALL);

        assertTrue(text.contains("identity-binary       16    600   1000  0.60"), text);
        assertTrue(text.contains("throughput missed, p50 passed"), text);
        assertFalse(text.contains("torch/s"), text);
    }

    @Test
    void comparesModelsThatComputeForLongWithLibtorch() {
        String text = table(Set.of(BenchCase.UNET), HEAVY);

        assertTrue(text.contains("   11.0  0.909"), text);
    }

    @Test
    void comparesAnEnsembleWithASingleStep() {
        CaseResult chain = new CaseResult(BenchCase.ENSEMBLE_BINARY, "", 1, cpu(60), RoundsTest.rounds(1000),
                Optional.empty(), Optional.of(cpu(25)), OptionalDouble.empty(), 200, Double.NaN, false);

        assertEquals(List.of("cpu of a step <= 2.5: passed"),
                Mark.verdicts(chain).stream().map(Mark.Verdict::text).toList());
        assertTrue(table(Set.of(BenchCase.ENSEMBLE_BINARY), chain).contains("  2.40 "));
        assertTrue(BenchCase.ENSEMBLE_BINARY.config().contains("value: \"tensor4\" }"));
    }

    private static Rounds cpu(double micros) {
        return new Rounds(RoundsTest.rounds(1000).turns().stream()
                .map(turn -> turn.withCpuSeconds(turn.answered() * micros / 1e6)).toList());
    }

    @Test
    void namesTheFirstFailure() {
        Rounds failed = new Rounds(List.of(Turn.parse("ok\t9\t4\t5\t1000000000\t1\t1\t1\tthe server answered 503")));
        CaseResult result = new CaseResult(BenchCase.MLP, "", 1, failed, RoundsTest.rounds(5), Optional.empty(),
                Optional.empty(), OptionalDouble.empty(), 1, Double.NaN, false);

        assertTrue(
                table(Set.of(BenchCase.MLP), result).contains("5 requests failed; the first: the server answered 503"));
    }

    private static String table(Set<BenchCase> cases, CaseResult result) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        BenchTable table = new BenchTable(new PrintStream(bytes, true, StandardCharsets.UTF_8), cases, false);
        table.begin();
        table.add(result);
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static CaseResult with(CaseResult result, int connections) {
        return new CaseResult(result.benchCase(), result.variant(), connections, result.server(), result.handler(),
                result.loop(), result.step(), result.heapBytes(), result.residentMib(),
                result.handlerResidentMib(), result.isAgainst());
    }

    @Test
    void writesAPage() {
        String page = BenchPage.of(Map.of("Machine", "2 < 4 processors"),
                List.of(SMALL, with(SMALL, 64), HEAVY, with(HEAVY, 4)), List.of(START), SOAK);

        assertTrue(page.contains("<dd>2 &lt; 4 processors</dd>"), page);
        assertTrue(page.contains("<title>identity-binary, 16 connections: 0.600</title>"), page);
        assertTrue(page.contains("<title>unet A, 4 connections: 0.909</title>"), page);
        assertTrue(page.contains("<td class=\"text missed\">throughput &gt;= 0.65: missed</td>"), page);
        assertTrue(page.contains("later start, ready"), page);
        assertTrue(page.contains("<h2>Memory under a soak</h2>"), page);
        assertTrue(page.contains("heap committed"), page);
        assertTrue(page.endsWith("</html>\n"));
    }

    @Test
    void drawsNoPlotOfASinglePoint() {
        String page = BenchPage.of(Map.of(), List.of(SMALL), List.of(), List.of());

        assertFalse(page.contains("<svg"), page);
        assertFalse(page.contains("soak</h2>"), page);
        assertTrue(page.contains("<td>0.60</td>"), page);
    }
}
