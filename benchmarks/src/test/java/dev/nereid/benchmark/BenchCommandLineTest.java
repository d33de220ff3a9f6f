package dev.nereid.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.benchmark.BenchOptions.Extra;
import dev.nereid.benchmark.BenchOptions.Generator;
import dev.nereid.server.cli.UsageException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class BenchCommandLineTest {
    private static BenchOptions parse(String... arguments) {
        return BenchCommandLine.parse(List.of(arguments)).orElseThrow();
    }

    @Test
    void measuresEverythingByDefault() {
        BenchOptions options = parse();

        assertEquals(new BenchOptions(Set.of(BenchCase.values()), Set.of(Extra.START, Extra.LOAD, Extra.MODELS),
                Optional.empty(), 5, 2, 15, Path.of("nereid-bench"), List.of(""), Generator.PERF, Optional.empty(),
                Optional.empty(), 5, false), options);
        assertEquals(List.of(1, 4, 16, 64), options.connectionsFor(BenchCase.MLP));
        assertEquals(List.of(1, 4, 16), options.connectionsFor(BenchCase.LARGE_BINARY));
        assertEquals(List.of(1, 4), options.connectionsFor(BenchCase.UNET));
    }

    @Test
    void takesWhatIsGiven() {
        BenchOptions options = parse("--cases=mlp-batched,start", "--connections=2,64", "--rounds=7", "--seconds=1.5",
                "--warm-up=0", "--output=out", "--generator=auto", "--java-options=-Xmx1g",
                "--java-options=-XX:+UseParallelGC");

        assertEquals(new BenchOptions(Set.of(BenchCase.MLP_BATCHED), Set.of(Extra.START), Optional.of(List.of(2, 64)),
                7, 1.5, 0, Path.of("out"), List.of("-Xmx1g", "-XX:+UseParallelGC"), Generator.AUTO, Optional.empty(),
                Optional.empty(), 5, false), options);
        assertEquals(List.of(2, 64), options.connectionsFor(BenchCase.UNET));
    }

    @Test
    void aSoakIsAskedForByName() {
        BenchOptions options = parse("--cases=soak", "--soak-minutes=0.5");

        assertEquals(Set.of(Extra.SOAK), options.extras());
        assertEquals(Set.of(), options.cases());
        assertEquals(0.5, options.soakMinutes());
        assertEquals(Set.of(Extra.values()), parse("--cases=all,soak").extras());
    }

    @Test
    void aSoakIsOfOneServer() {
        assertEquals("a soak is of one server: --java-options can be given once with it", assertThrows(
                UsageException.class, () -> parse("--cases=soak", "--java-options=-Xmx1g", "--java-options=-Xmx2g"))
                .getMessage());
        assertEquals("--soak-minutes has value '0', expected a number of minutes from 0.05 to 1440.0",
                assertThrows(UsageException.class, () -> parse("--cases=soak", "--soak-minutes=0")).getMessage());
    }

    @Test
    void aPrefixStandsForAllThatBeginWithIt() {
        assertEquals(Set.of(BenchCase.IDENTITY_BINARY, BenchCase.IDENTITY_JSON, BenchCase.IDENTITY_BATCHED,
                BenchCase.IDENTITY_GRPC),
                parse("--cases=identity").cases());
        assertEquals(Set.of(BenchCase.MLP), parse("--cases=mlp").cases());
    }

    @Test
    void anotherServerIsTheYardstickWhereItIsGiven() {
        BenchOptions options = parse("--against=http://localhost:9000/", "--against-grpc=127.0.0.1:9001",
                "--against-pid=7");

        assertEquals(Optional.of(new OtherServer.Address(9000, 9001, OptionalLong.of(7))), options.against());
        assertTrue(options.cases().contains(BenchCase.IDENTITY_GRPC));
        assertEquals(Optional.of(Path.of("models")), parse("--write-models=models").models());
    }

    @Test
    void withoutItsPortForGrpcSuchCasesAreLeftOut() {
        assertEquals(Set.of(BenchCase.IDENTITY_BINARY, BenchCase.IDENTITY_JSON, BenchCase.IDENTITY_BATCHED),
                parse("--cases=identity", "--against=localhost:9000").cases());
    }

    @Test
    void casesOverGrpcNeedItsPort() {
        assertEquals("cases over gRPC need --against-grpc=localhost:<port>, too",
                assertThrows(UsageException.class, () -> parse("--cases=identity-grpc", "--against=localhost:9000"))
                        .getMessage());
    }

    @Test
    void quickIsShortButYieldsToWhatIsGiven() {
        BenchOptions options = parse("--quick", "--rounds=1");

        assertEquals(1, options.rounds());
        assertTrue(options.isQuick());
        assertEquals(2, options.starts());
        assertEquals(0.5, options.seconds());
        assertEquals(List.of(1, 16), options.connectionsFor(BenchCase.UNET));
    }

    @Test
    void asksForHelp() {
        assertTrue(BenchCommandLine.parse(List.of("--quick", "--help")).isEmpty());
        assertTrue(BenchCommandLine.usage().contains("identity-binary, identity-json"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --nope                | unknown argument '--nope'
            fast                  | unknown argument 'fast'
            --rounds              | --rounds needs a value: --rounds=...
            --rounds=1.5          | --rounds has value '1.5', expected a whole number from 1 to 999
            --seconds=x           | --seconds has value 'x', expected a number of seconds from 0.01 to 3600.0
            --connections=1,0     | --connections has value '1,0', expected numbers from 1 to 10000 with commas between
            --generator=ab        | --generator has value 'ab', expected perf, wrk or auto
            --against=far:8000    | --against has value 'far:8000', expected localhost:<port>; the other server has to run on this machine
            --against=localhost:99999 | --against has value 'localhost:99999', expected localhost:<port>; the other server has to run on this machine
            --soak-minutes=5      | --soak-minutes says more of the case soak, which is not among --cases
            --against-pid=7       | --against-pid says more of --against, which is not given
            """)
    void explainsWhatIsWrong(String argument, String message) {
        assertEquals(message, assertThrows(UsageException.class, () -> parse(argument)).getMessage());
    }

    @Test
    void namesTheCasesThatThereAre() {
        String message = String.valueOf(assertThrows(UsageException.class, () -> parse("--cases=mpl")).getMessage());

        assertTrue(message.startsWith("there is no case 'mpl', expected some of all, identity-binary, "), message);
        assertTrue(message.endsWith(", unet, start, load, models, soak"), message);
    }

    @Test
    void refusesWhatIsGivenTwice() {
        assertEquals("--rounds is given more than once",
                assertThrows(UsageException.class, () -> parse("--rounds=1", "--rounds=2")).getMessage());
    }
}
