package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.cli.UsageException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class PerfCommandLineTest {
    private static PerfOptions parse(String line) {
        return PerfCommandLine.parse(Arrays.asList(line.split(" ", -1))).orElseThrow();
    }

    private static List<String> levels(String line) {
        return parse(line).sweep().levels().stream().map(LoadLevel::text).toList();
    }

    @Test
    void needsNothingButTheModel() {
        PerfOptions options = parse("-m resnet");

        assertEquals("resnet", options.model());
        assertEquals("", options.version());
        assertEquals(new Target("localhost", 8000, List.of()), options.target());
        assertEquals(new PerfOptions.Inputs(new InputSource.Random(0), new Shapes(Map.of()), 128, true, true, false),
                options.inputs());
        assertEquals(List.of(new LoadLevel.Concurrency(1)), options.sweep().levels());
        assertEquals(new LevelRunner.Settings(1, 100, Duration.ofSeconds(2), 10,
                new StabilityRule(10, OptionalDouble.empty())), options.measurement());
        assertEquals(new PerfOptions.Reports(Optional.empty(), Optional.empty()), options.reports());
    }

    @Test
    void takesShortAndLongFlags() {
        PerfOptions options = parse("-m a -x 3 -u http://[::1]:81/ -b 4 -p 500 -s 5.5 -r 7 -f a.csv --html=a.html "
                + "--percentile=99 --warmup-request-count 0 --input-data zero --verify --output-tensor-format=json "
                + "--shape IN:0:3,224 --string-length 9 -H A:b --header C:d");

        assertEquals("3", options.version());
        assertEquals(new Target("::1", 81, List.of("A:b", "C:d")), options.target());
        assertEquals("[::1]:81", options.target().toString());
        assertEquals(new PerfOptions.Inputs(new InputSource.Zero(), new Shapes(Map.of("IN:0", List.of(3L, 224L))), 9,
                true, false, true), options.inputs());
        assertEquals(new LevelRunner.Settings(4, 0, Duration.ofMillis(500), 7,
                new StabilityRule(5.5, OptionalDouble.of(99))), options.measurement());
        assertEquals(new PerfOptions.Reports(Optional.of(Path.of("a.csv")), Optional.of(Path.of("a.html"))),
                options.reports());
    }

    @Test
    void asksHttpForOneAnswerUnlessToldOtherwise() {
        PerfOptions.Exchange exchange = parse("-m a").exchange();

        assertFalse(exchange.isGrpc() || exchange.isStreaming() || exchange.asksForSequences());
        assertEquals(new SequencePool.Settings(20, 20, 1, 4_294_967_295L, 0), exchange.sequences());
        assertEquals(4, exchange.openLoopSequences());
    }

    @Test
    void readsHowTheServerIsAsked() {
        PerfOptions options = parse("-m a -i grpc --streaming --sequence-length=5 --sequence-id-range=7:9 "
                + "--sequence-length-variation=0 --num-of-sequences=2 --request-rate-range=10 --random-seed=3");

        assertEquals(new Target("localhost", 8001, List.of()), options.target());
        assertEquals(new PerfOptions.Exchange(true, true, true, new SequencePool.Settings(5, 0, 7, 9, 3), 2),
                options.exchange());
        assertEquals(4_294_967_295L, parse("-m a --sequence-id-range=7").exchange().sequences().lastId());
    }

    @Test
    void readsRanges() {
        assertEquals(List.of("4"), levels("-m a --concurrency-range 4"));
        assertEquals(List.of("1", "2", "3"), levels("-m a --concurrency-range 1:3"));
        assertEquals(List.of("1", "9", "17"), levels("-m a --concurrency-range 1:24:8"));
        assertEquals(List.of("0.50", "0.60", "0.70", "0.80"), levels("-m a --request-rate-range 0.5:0.8:0.1"));
    }

    @Test
    void readsTheOpenLoop() {
        PerfOptions.Sweep sweep = parse("-m a --request-rate-range 100 --request-distribution=poisson --random-seed 5 "
                + "--max-connections 3").sweep();

        assertEquals(new PerfOptions.Sweep(List.of(new LoadLevel.RequestRate(100)), true, 5, 3), sweep);
        assertTrue(sweep.isOpenLoop());
        assertFalse(parse("-m a").sweep().isOpenLoop());
    }

    @Test
    void readsAFileOfInputs() {
        assertEquals(new InputSource.File(Path.of("in.json")), parse("-m a --input-data in.json").inputs().source());
    }

    @Test
    void asksForHelp() {
        assertTrue(PerfCommandLine.parse(List.of("--help")).isEmpty());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            -u a                       | -m must name the model
            model                      | unexpected argument 'model', expected a flag such as -m <model>
            -m                         | -m needs a value: -m, --model-name=<name>
            -m a --quite-another-thing | unknown flag --quite-another-thing
            -m a --async               | --async of perf_analyzer is not offered: leave it out, the requests that are under way are the same
            -m a -l 5                  | -l of perf_analyzer is not offered: give a range and read the table
            -m a -m b                  | --model-name is given more than once
            -m a --verify=yes          | --verify takes no value
            -m a -x one                | --model-version has value 'one', expected a whole number from 0 to 9223372036854775807
            -m a -b 0                  | --batch-size has value '0', expected a whole number from 1 to 2147483647
            -m a -s 0                  | --stability-percentage has value '0', expected a number above 0, at most 1000
            -m a -i tcp                | --protocol has value 'tcp', expected grpc or http
            -m a -i grpc --input-tensor-format json | --input-tensor-format=json is for HTTP; over gRPC tensors are always sent as bytes
            -m a --streaming --output-tensor-format binary | --output-tensor-format=binary can't be had with --streaming over HTTP, whose events are JSON; use -i grpc
            -m a --streaming --verify  | --verify compares single answers; it can't be had with --streaming
            -m a --num-of-sequences 2  | --num-of-sequences needs --request-rate-range; with --concurrency-range as many sequences are under way as requests
            -m a --sequence-length 0   | --sequence-length has value '0', expected a whole number from 1 to 1073741823
            -m a --sequence-id-range 9:3 | --sequence-id-range has value '9:3', expected start or start:end, whole numbers above 0 and an end not before the start
            -m a --sequence-length-variation 101 | --sequence-length-variation has value '101', expected a number from 0 to 100
            -m a -u host:port          | -u has value 'host:port', expected a port from 1 to 65535
            -m a -u https://a:1        | -u has value 'https://a:1', expected host:port
            -m a -H broken             | -H has value 'broken', expected 'name: value'
            -m a --shape IN            | --shape has value 'IN', expected an input's name and its sizes, such as INPUT0:3,224,224
            -m a --shape IN:-1         | --shape has value 'IN:-1', expected an input's name and its sizes, such as INPUT0:3,224,224
            -m a --input-tensor-format xml | --input-tensor-format has value 'xml', expected binary or json
            -m a --request-distribution poisson | --request-distribution needs --request-rate-range
            -m a --request-rate-range 1 --concurrency-range 1 | --concurrency-range and --request-rate-range exclude each other
            """)
    void explainsWhatIsWrong(String line, String message) {
        assertEquals(message, assertThrows(UsageException.class, () -> parse(line.strip())).getMessage());
    }

    @ParameterizedTest
    @CsvSource({"0", "2:1", "1:2:0", "a", "1:2:3:4", "1.5", "1:1000000"})
    void refusesRangesThatAreNone(String range) {
        assertThrows(UsageException.class, () -> parse("-m a --concurrency-range " + range));
    }
}
