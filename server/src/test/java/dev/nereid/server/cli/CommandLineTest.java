package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.engine.ControlMode;
import dev.nereid.engine.EngineOptions.RepositoryOptions;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.metrics.MetricsOptions;
import dev.nereid.server.v2.Restriction;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CommandLineTest {
    private static final Path BACKENDS = Path.of("backends");

    @TempDir
    private Path repository;

    // Defaults and forms

    @Test
    void repositoriesMayBeInObjectStorage() {
        RepositoryOptions options = CommandLine.parse(List.of("--model-repository=" + repository,
                "--model-repository=s3://bucket//models", "--model-repository=gs://b", "--model-repository=as://a/c",
                "--model-cache-directory=cache"), Map.of("AWS_PROFILE", "p")).options(BACKENDS).engine().repository();

        assertEquals(List.of(repository), options.directories());
        assertEquals(List.of("s3://bucket//models", "gs://b", "as://a/c"), options.remote().locations());
        assertEquals(Optional.of(Path.of("cache")), options.remote().cacheDirectory());
        assertEquals(Optional.of(BACKENDS.resolveSibling("locations")), options.remote().pluginDirectory());
        assertEquals(Map.of("AWS_PROFILE", "p"), options.remote().environment());
        assertThrows(UsageException.class, () -> options("--model-cache-directory="));
    }

    @Test
    void theDefaultsAreThoseOfTheReference() {
        ServerOptions options = options();

        assertEquals("triton", options.id());
        assertEquals(Duration.ofSeconds(30), options.exitTimeout());
        assertEquals(List.of(repository), options.engine().repository().directories());
        assertEquals(ControlMode.NONE, options.engine().loading().mode());
        assertTrue(options.engine().loading().loadsAll());
        assertTrue(options.exitOnError());
        assertTrue(options.engine().repository().autoComplete());
        assertTrue(options.engine().loading().strictReadiness());
        assertEquals(Duration.ofSeconds(15), options.engine().loading().pollInterval());
        assertEquals(4, options.engine().loading().threads());
        assertEquals(0, options.engine().loading().retries());
        assertEquals(Duration.ofMinutes(5), options.engine().loading().unloadTimeout());
        assertEquals(List.of(BACKENDS), options.engine().backends().directories());
        assertTrue(options.engine().limits().maxInFlightBytes() > 0);
        assertEquals("0.0.0.0", options.http().address());
        assertEquals(8000, options.http().port());
        assertTrue(options.http().isEnabled());
        assertFalse(options.http().reusesPort());
        assertEquals(67_108_864, options.http().maxInputSize());
        assertEquals("0.0.0.0", options.metrics().address());
        assertEquals(8002, options.metrics().port());
        assertEquals(Duration.ofSeconds(2), options.metrics().interval());
        assertTrue(options.metrics().countsLatencies());
        assertEquals(0, options.logging().verboseLevel());
        assertFalse(options.logging().isIso8601());
    }

    @Test
    void aValueStandsBehindAnEqualsSignOrAfterABlank() {
        assertEquals(9000, options("--http-port=9000").http().port());
        assertEquals(9000, options("--http-port", "9000").http().port());
        assertEquals("a=b", options("--id=a=b").id());
    }

    @Test
    void theRepositoryMayHaveItsOldNameAndBeGivenMoreThanOnce() {
        ServerOptions options = CommandLine
                .parse(List.of("--model-store", repository.toString(), "--model-repository=" + repository))
                .options(BACKENDS);

        assertEquals(List.of(repository, repository), options.engine().repository().directories());
    }

    @Test
    void everyFlagReachesItsOption() {
        ServerOptions options = options("--id=me", "--exit-timeout-secs=5", "--log-verbose=2", "--log-info=false",
                "--log-warning=0", "--log-error=1", "--log-format=ISO8601", "--log-file=x.log", "--exit-on-error=false",
                "--disable-auto-complete-config", "--strict-readiness=false", "--model-control-mode=POLL",
                "--repository-poll-secs=7", "--model-config-name=big", "--model-load-thread-count=9",
                "--model-load-retry-count=3", "--unload-timeout-secs=8", "--allow-http=false",
                "--http-address=ipv6:[::1]", "--http-port=0",
                "--reuse-http-port=true", "--http-header-forward-pattern=x-.*", "--http-max-input-size=10",
                "--allow-metrics=false", "--allow-cpu-metrics=false", "--metrics-port=1", "--metrics-interval-ms=10",
                "--metrics-config=counter_latencies=false", "--backend-directory=elsewhere",
                "--max-inflight-bytes=4096",
                "--max-queue-size=6");

        assertEquals("me", options.id());
        assertEquals(Duration.ofSeconds(5), options.exitTimeout());
        assertEquals(2, options.logging().verboseLevel());
        assertFalse(options.logging().info());
        assertFalse(options.logging().warning());
        assertTrue(options.logging().error());
        assertTrue(options.logging().isIso8601());
        assertEquals(Optional.of(Path.of("x.log")), options.logging().file());
        assertFalse(options.exitOnError());
        assertFalse(options.engine().repository().autoComplete());
        assertFalse(options.engine().loading().strictReadiness());
        assertEquals(ControlMode.POLL, options.engine().loading().mode());
        assertEquals(Duration.ofSeconds(7), options.engine().loading().pollInterval());
        assertEquals("big", options.engine().repository().configName());
        assertEquals(9, options.engine().loading().threads());
        assertEquals(3, options.engine().loading().retries());
        assertEquals(Duration.ofSeconds(8), options.engine().loading().unloadTimeout());
        assertEquals(List.of(Path.of("elsewhere")), options.engine().backends().directories());
        assertEquals(4096, options.engine().limits().maxInFlightBytes());
        assertEquals(6, options.engine().limits().maxQueueSize());
        assertFalse(options.http().isEnabled());
        assertEquals("::1", options.http().address());
        assertEquals(0, options.http().port());
        assertTrue(options.http().reusesPort());
        assertEquals(Optional.of("x-.*"), options.http().forwardPattern());
        assertEquals(10, options.http().maxInputSize());
        assertFalse(options.metrics().isEnabled());
        assertFalse(options.metrics().reportsCpu());
        assertFalse(options.metrics().countsLatencies());
        assertEquals("::1", options.metrics().address(), "taken over from HTTP");
        assertEquals(1, options.metrics().port());
        assertEquals(Duration.ofMillis(10), options.metrics().interval());
    }

    @Test
    void theReadyFileLiesInADirectoryThatIsThere() {
        Path file = repository.resolve("ready");

        assertEquals(Optional.empty(), CommandLine.parse(List.of()).readyFile());
        assertEquals(Optional.of(file), CommandLine.parse(List.of("--ready-file=" + file)).readyFile());
        for (String wrong : List.of("", repository.toString(), repository.resolve("no").resolve("ready").toString())) {
            CommandLine commandLine = CommandLine.parse(List.of("--ready-file=" + wrong));
            String text = String
                    .valueOf(assertThrows(UsageException.class, commandLine::readyFile).getMessage());
            assertTrue(text.startsWith("--ready-file has value '" + wrong + "'"), text);
        }
    }

    @Test
    void metricsMayHaveHistogramsAndSummaries() {
        MetricsOptions metrics = options("--metrics-config=summary_quantiles=0.5:0.05",
                "--metrics-config=histogram_latencies=true").metrics();
        ServerOptions summaries = options("--metrics-config=summary_latencies=true");

        assertTrue(metrics.countsLatencies());
        assertTrue(metrics.showsHistograms());
        assertEquals(List.of(), metrics.quantiles());
        assertEquals(List.of(0.5, 0.9, 0.95, 0.99, 0.999), summaries.metrics().quantiles());
        assertTrue(summaries.engine().statistics().keepsSummaries());
        assertEquals(List.of(0.25, 1.0), options("--metrics-config=summary_latencies=true",
                "--metrics-config=summary_quantiles=0.25:0.1,1:0").metrics().quantiles());
        assertFalse(options("--metrics-config=summary_latencies=true", "--allow-metrics=false").engine().statistics()
                .keepsSummaries());
        assertEquals("--metrics-config has value 'latencies', expected counter_latencies=<true|false>, "
                + "histogram_latencies=<true|false>, summary_latencies=<true|false> or "
                + "summary_quantiles=<quantile>:<error>[,...]",
                assertThrows(UsageException.class, () -> options("--metrics-config=latencies")).getMessage());
        assertEquals(
                "--metrics-config=summary_quantiles=0.5:0.05,2:0: '2:0' is wrong, expected <quantile>:<error>, both "
                        + "from 0 to 1, such as 0.9:0.01",
                assertThrows(UsageException.class, () -> options("--metrics-config=summary_quantiles=0.5:0.05,2:0"))
                        .getMessage());
    }

    @Test
    void modelsOfOneNameNeedNamespaces() {
        assertFalse(options().engine().repository().isNamespaced());
        assertTrue(options("--model-namespacing=true").engine().repository().isNamespaced());
    }

    @Test
    void theDeprecatedStrictConfigurationTurnsCompletionOff() {
        assertFalse(options("--strict-model-config=true").engine().repository().autoComplete());
        assertTrue(options("--strict-model-config=false").engine().repository().autoComplete());
    }

    @Test
    void carrierThreadsAreOnlySetWhereTheyAreAskedFor() {
        assertEquals(Optional.empty(), CommandLine.parse(List.of()).carrierThreads());
        assertEquals(Optional.of(3), CommandLine.parse(List.of("--http-thread-count=3")).carrierThreads());
    }

    @Test
    void helpNeedsNothingElseAndNamesEveryFlag() {
        assertTrue(CommandLine.parse(List.of("--help")).asksForHelp());
        for (String flag : List.of("--model-repository", "--http-port", "--backend-config", "--max-inflight-bytes")) {
            assertTrue(CommandLine.usage().contains(flag), flag);
        }
    }

    // Mistakes

    @ParameterizedTest
    @ValueSource(strings = {"true", "TRUE", "1", "false", "False", "0"})
    void booleansAreTrueFalseOneOrZero(String value) {
        assertEquals(value.equals("1") || value.equalsIgnoreCase("true"),
                options("--reuse-http-port=" + value).http().reusesPort());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "--allow-http=yes|--allow-http has value 'yes', expected true or false",
        "--http-port=http|--http-port has value 'http', expected a whole number",
        "--http-port=|--http-port has value '', expected a whole number",
        "--http-port=65536|--http-port has value 65536, expected 0 to 65535",
        "--http-port=-1|--http-port has value -1, expected 0 to 65535",
        "--model-load-thread-count=0|--model-load-thread-count has value 0, expected 1 to 1024",
        "--max-queue-size=0|--max-queue-size has value 0, expected 1 to 2147483647",
        "--repository-poll-secs=0|--repository-poll-secs has value 0, expected 1 to 2147483647",
        "--exit-timeout-secs=-5|--exit-timeout-secs has value -5, expected 0 to 2147483647",
        "--model-control-mode=auto|--model-control-mode has value 'auto', expected none, poll or explicit",
        "--log-format=json|--log-format has value 'json', expected default or ISO8601",
        "--model-config-name=|--model-config-name must not be empty",
        "--model-config-name=a b|--model-config-name has value 'a b', expected no blanks",
        "--http-address=|--http-address must not be empty",
        "--load-model=m|--load-model needs --model-control-mode=explicit",
        "--http-prot=1|unknown flag --http-prot; did you mean --http-port?",
        "--modelrepository=x|unknown flag --modelrepository; did you mean --model-repository?",
        "--completely-different=x|unknown flag --completely-different",
        "--http-port|--http-port needs a value",
        "serve|unexpected argument 'serve', expected a flag such as --model-repository=<directory>",
        "-v|unexpected argument '-v', expected a flag such as --model-repository=<directory>",
        "--backend-config=pytorch|--backend-config has value 'pytorch', expected <backend>,<key>=<value>",
        "--backend-config=pytorch,|--backend-config has value 'pytorch,', expected <backend>,<key>=<value>",
        "--backend-config=pytorch,=4|--backend-config has value 'pytorch,=4', expected <backend>,<key>=<value>",
        "--backend-config=,isolation=thread|--backend-config: setting 'isolation' is 'thread', expected process or none"})
    void aMistakeIsToldWithWhatWasGivenAndWhatWasExpected(String argument, String message) {
        assertEquals(message, mistake(argument));
    }

    @Test
    void aPatternThatIsNoneIsTold() {
        assertTrue(mistake("--http-header-forward-pattern=(").startsWith(
                "--http-header-forward-pattern has value '(', which is not a regular expression"));
    }

    @Test
    void theLastOfARepeatedFlagCounts() {
        ServerOptions options = options("--http-port=1", "--http-port=2", "--pinned-memory-pool-byte-size=1",
                "--pinned-memory-pool-byte-size=2", "--rate-limit=execution_count", "--rate-limit=off");

        assertEquals(2, options.http().port());
        assertEquals(2, options.engine().gpu().pinnedPoolBytes());
        assertEquals(Optional.empty(), options.engine().scheduling().rateLimit());
    }

    @Test
    void aNameMayBeCutWhereItIsClear() {
        assertFalse(options("--log-warn=false").logging().warning());
        assertEquals("x", options("--id=x").id());
        assertEquals(9000, options("--http-p", "9000").http().port());
        assertEquals(
                "--log is ambiguous, it may mean --log-error, --log-file, --log-format, --log-info, --log-verbose, "
                        + "--log-warning",
                mistake("--log=1"));
        assertEquals("--repoagent-directory can't be used: repository agents are not offered",
                mistake("--repoagent-dir=x"));
    }

    @Test
    void theRepositorysTwoNamesAreOneFlag() {
        assertEquals(List.of(repository),
                CommandLine.parse(List.of("--model-s", repository.toString())).options(BACKENDS).engine()
                        .repository().directories());
    }

    @ParameterizedTest
    @CsvSource({"true, 1", "True, 1", "false, 0", "0, 0", "3, 3"})
    void theVerboseLevelMayBeABoolean(String value, int level) {
        assertEquals(level, options("--log-verbose=" + value).logging().verboseLevel());
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "1", "false", "0"})
    void whatIsWantedOfPeerAccessChangesNothing(String value) {
        assertEquals(8000, options("--enable-peer-access=" + value).http().port());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"--http-port=9000 --metrics-port=9000", "--http-port=8002",
        "--http-port=9000 --metrics-port=9000 --metrics-address=127.0.0.1",
        "--http-port=9000 --metrics-port=9000 --http-address=127.0.0.1 --metrics-address=0.0.0.0"})
    void aPortThatIsGivenTwiceIsToldBeforeModelsLoad(String flags) {
        String mistake = mistake(flags.split(" ", -1));
        assertTrue(mistake.startsWith("--http-port and --metrics-port are both "), mistake);
        assertTrue(mistake.endsWith(", expected two different ports"), mistake);
    }

    @ParameterizedTest
    @ValueSource(strings = {"--http-port=0 --metrics-port=0", "--http-port=8002 --allow-metrics=false",
        "--metrics-port=8000 --allow-http=false",
        "--http-port=9000 --metrics-port=9000 --http-address=127.0.0.1 --metrics-address=127.0.0.2"})
    void portsThatDoNotMeetAreFine(String flags) {
        assertDoesNotThrow(() -> options(flags.split(" ", -1)));
    }

    @Test
    void aMisspeltMetricsSettingIsToldWithWhatWasMeant() {
        assertEquals("--metrics-config has value 'counter_latency=false', expected counter_latencies=<true|false>, "
                + "histogram_latencies=<true|false>, summary_latencies=<true|false> or "
                + "summary_quantiles=<quantile>:<error>[,...]; did you mean counter_latencies?",
                mistake("--metrics-config=counter_latency=false"));
    }

    @Test
    void aMissingRepositoryNeedNotEndTheServer() {
        Path missing = repository.resolve("missing");
        ServerOptions options = CommandLine.parse(List.of("--model-repository=" + missing, "--exit-on-error=false"))
                .options(BACKENDS);

        assertEquals(List.of(missing), options.engine().repository().directories());
    }

    @Test
    void aRepositoryIsNeededAndMustBeADirectory() {
        UsageException none = assertThrows(UsageException.class, () -> CommandLine.parse(List.of()).options(BACKENDS));
        assertEquals("--model-repository must be specified", none.getMessage());

        Path missing = repository.resolve("missing");
        UsageException wrong = assertThrows(UsageException.class,
                () -> CommandLine.parse(List.of("--model-repository=" + missing)).options(BACKENDS));
        assertEquals("--model-repository=" + missing + ": repository path is not a valid directory",
                wrong.getMessage());
    }

    @Test
    void aFlagThatIsNotOfferedIsRefusedAndNeverIgnored() {
    }

    @Test
    void aFlagThatIsNotOfferedMayBeTurnedOff() {
        assertEquals(8000, options("--allow-sagemaker=false", "--allow-gpu-metrics", "0").http().port());
        assertEquals(9000, options("--allow-sagemaker", "false", "--http-port=9000").http().port());
    }

    // Models to load

    @Test
    void modelsToLoadAreNamed() {
        ServerOptions options = options("--model-control-mode=explicit", "--load-model=a", "--load-model", "b");

        assertEquals(List.of("a", "b"), options.engine().loading().startupModels());
        assertFalse(options.engine().loading().loadsAll());
    }

    @Test
    void anAsteriskLoadsAll() {
        ServerOptions options = options("--model-control-mode=explicit", "--load-model=*");

        assertEquals(List.of(), options.engine().loading().startupModels());
        assertTrue(options.engine().loading().loadsAll());
    }

    @Test
    void anAsteriskStandsAlone() {
        assertEquals("Wildcard model name '*' must be the ONLY startup model if specified at all.",
                mistake("--model-control-mode=explicit", "--load-model=*", "--load-model=a"));
    }

    // Settings of backends, restrictions

    @Test
    void settingsAreForOneBackendOrForAll() {
        ServerOptions options = options("--backend-config=pytorch,threads=4", "--backend-config=,log=x",
                "--backend-config=default-max-batch-size=8", "--backend-config=pytorch,list=a,b=c",
                "--backend-config=pytorch,empty=");

        assertEquals(Map.of("pytorch", Map.of("threads", "4", "list", "a,b=c", "empty", ""), "",
                Map.of("log", "x", "default-max-batch-size", "8")), options.engine().backends().settings());
    }

    @Test
    void settingsForABackendThatIsNotThereAreTold() throws IOException {
        Files.createDirectories(repository.resolve("backends/pytorch"));
        Files.createFile(repository.resolve("backends/identity.jar"));
        String directory = "--backend-directory=" + repository.resolve("backends");

        assertEquals("--backend-config names backend 'pytroch', expected one of those in '"
                + repository.resolve("backends") + "': identity, pytorch; did you mean pytorch?",
                mistake(directory, "--backend-config=pytroch,allow-tf32=true"));
        assertDoesNotThrow(() -> options(directory, "--backend-config=pytorch,allow-tf32=true",
                "--backend-config=identity,x=y", "--backend-config=default-max-batch-size=8"));
        assertDoesNotThrow(
                () -> options(directory, "--allow-model-backends=true", "--backend-config=own,allow-tf32=true"));
    }

    @ParameterizedTest
    @MethodSource("refusedFlags")
    void everyFlagThatIsNotOfferedIsRefusedWithAReason(String flag) {
        String mistake = mistake("--" + flag + "=nonsense");
        assertTrue(mistake.startsWith("--" + flag + " can't be used: "), mistake);
    }

    static Stream<String> refusedFlags() {
        return FlagTable.refusedNames().stream();
    }

    @Test
    void boundsAndWhatAStallDoesAreTaken() {
        assertEquals(64L << 20, options().engine().limits().maxResponseBytes());
        assertEquals(9, options("--max-response-bytes=9").engine().limits().maxResponseBytes());
        assertFalse(options().exitsOnStall());
        assertTrue(options("--exit-on-stall=true").exitsOnStall());
    }

    @Test
    void restrictionsNameCategoriesHeaderAndValue() {
        ServerOptions options = options("--http-restricted-api=model-repository,health:x-key=a=b",
                "--http-restricted-api=inference:other=");

        assertEquals(Map.of("model-repository", new Restriction("x-key", "a=b"), "health",
                new Restriction("x-key", "a=b"), "inference", new Restriction("other", "")),
                options.http().restrictions());
    }

    @Test
    void restrictionsThatMakeNoSenseAreTold() {
        for (String wrong : List.of("health", "health:", "health:=v", ":k=v", "health:k")) {
            assertEquals("--http-restricted-api has value '" + wrong
                    + "', expected <category>[,<category>...]:<header>=<value>",
                    mistake("--http-restricted-api=" + wrong));
        }
        assertTrue(mistake("--http-restricted-api=everything:k=v")
                .startsWith("--http-restricted-api names category 'everything', expected one of "));
        assertEquals("--http-restricted-api names category 'health' twice",
                mistake("--http-restricted-api=health:k=v", "--http-restricted-api=health:l=w"));
    }

    private ServerOptions options(String... flags) {
        List<String> all = new ArrayList<>(List.of("--model-repository=" + repository));
        all.addAll(List.of(flags));
        return CommandLine.parse(all).options(BACKENDS);
    }

    private String mistake(String... flags) {
        return Objects.requireNonNull(assertThrows(UsageException.class, () -> options(flags)).getMessage());
    }
}
