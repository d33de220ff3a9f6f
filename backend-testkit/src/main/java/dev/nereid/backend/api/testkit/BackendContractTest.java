package dev.nereid.backend.api.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ModelConfig;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * Tests that every backend must pass. An author extends it, says how to make the factory and a small model, and what
 * the backend is able to do.
 *
 * <p>The sample model is configured with everything that the abilities declare: with a batch dimension for at least two
 * rows, with a dimension of -1, with an optional input. The backend is started once for all tests of a class, as a
 * server would. A failing check names the rule.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Execution(ExecutionMode.SAME_THREAD)
public abstract class BackendContractTest {
    private static final String SERVER = "nereid.url";

    private @Nullable SampleModel sample;

    /** Returns a new factory, as the server would make it. */
    protected abstract BackendFactory factory();

    /** Returns the configuration of a small model. */
    protected abstract ModelConfig config();

    /** Returns at least two requests that the model answers, with different content. */
    protected abstract List<TestRequest> sampleRequests();

    /** Returns what the backend is able to do. */
    protected abstract BackendAbilities abilities();

    /** Puts the model's files into its directory; the directory of version 1, named {@code 1}, is there already. */
    protected void writeModel(Path modelDirectory) throws IOException {
    }

    /** Checks what a sample request was answered with. */
    protected void checkAnswer(TestRequest request, TestResult result) {
    }

    /** Returns requests that the backend itself must refuse with an error, if there are any. */
    protected List<TestRequest> refusedRequests() {
        return List.of();
    }

    /**
     * Returns requests that a backend which declares it answers with any number of responses, at least one of them with none
     * or several. All others are answered with one.
     */
    protected List<TestRequest> streamRequests() {
        return List.of();
    }

    /** Returns a number that returns to where it was when nothing leaks, such as native objects alive. */
    protected long liveResources() {
        return 0;
    }

    /** Offers the models that the backend calls, by {@link TestEngine#offer}. */
    protected void offerModels(TestEngine testEngine) {
    }

    /** Returns settings as {@code --backend-config} would give them. */
    protected Map<String, String> settings() {
        return Map.of();
    }

    /** Returns the directory that the backend would lie in. */
    protected Path backendDirectory() {
        return Path.of("");
    }

    /** Returns whether this machine has a GPU that the backend can use. */
    protected boolean isGpuPresent() {
        return false;
    }

    /** Compares two answers to the same request; override where rounding may differ from batch to batch. */
    protected void assertSameAnswer(TestResult expected, TestResult actual) {
        assertEquals(expected.outputs(), actual.outputs(), "the same request was answered differently");
    }

    /** Stops the backend that all tests used. */
    @AfterAll
    public void stopBackend() {
        SampleModel used = sample;
        sample = null;
        if (used != null) {
            used.close();
        }
    }

    /** The factory can be found by PF4J and was built for this version of the contract. */
    @Test
    public void factoryFitsTheContract() {
        FactoryContract.check(factory());
    }

    /** Every sample is answered once, with a response. */
    @Test
    public void answersEverySample() {
        new AnswerContract(sample()).answersEverySample();
    }

    /** Outputs have the names, datatypes and shapes of the configuration. */
    @Test
    public void outputsAreAsConfigured() {
        new AnswerContract(sample()).outputsAreAsConfigured();
    }

    /** A client that asks for one output gets it. */
    @Test
    public void answersWithTheRequestedOutputs() {
        new AnswerContract(sample()).answersWithTheRequestedOutputs();
    }

    /** An execution leaves nothing behind that changes a later one; a segment kept from an earlier one is closed. */
    @Test
    public void repeatedExecutionsAnswerTheSame() {
        new AnswerContract(sample()).repeatedExecutionsAnswerTheSame();
    }

    /** A batching strategy only looks at requests, and divides the same ones in the same way again. */
    @Test
    public void dividesTheSameRequestsInTheSameWay() {
        new AnswerContract(sample()).dividesTheSameRequestsInTheSameWay();
    }

    /** Requests that are executed together get the answers that they get alone; or batching is refused. */
    @Test
    public void batchesRequests() {
        new AbilityContract(sample()).batchesRequests();
    }

    /** A request of zero rows is answered, with a response or an error. */
    @Test
    public void answersARequestOfZeroRows() {
        new AbilityContract(sample()).answersARequestOfZeroRows();
    }

    /** Dimensions of -1 take requests of different shapes; or they are refused. */
    @Test
    public void takesDynamicShapes() {
        new AbilityContract(sample()).takesDynamicShapes();
    }

    /** Optional inputs may be left out; or they are refused. */
    @Test
    public void takesOptionalInputs() {
        new AbilityContract(sample()).takesOptionalInputs();
    }

    /** Requests get any number of answers, the same each time; without the ability, one or a refusal. */
    @Test
    public void answersAnyNumberOfTimes() {
        new AbilityContract(sample()).answersAnyNumberOfTimes();
    }

    /** Instances of declared kinds work; others are refused. */
    @Test
    public void runsOnDeclaredDevices() {
        new AbilityContract(sample()).runsOnDeclaredDevices();
    }

    /** A request that lacks a required input, or that the backend must refuse, fails with a coded error. */
    @Test
    public void refusesBadRequestsAndGoesOn() {
        new ErrorContract(sample()).refusesBadRequestsAndGoesOn();
    }

    /** An error that concerns one request leaves the others of its batch alone. */
    @Test
    public void keepsErrorsToTheirRequest() {
        new ErrorContract(sample()).keepsErrorsToTheirRequest();
    }

    /** A cancelled request is answered like any other, or with CANCELLED, and disturbs nobody. */
    @Test
    public void answersCancelledRequests() {
        new ErrorContract(sample()).answersCancelledRequests();
    }

    /** Two instances of a model execute at the same time and don't disturb each other; one may be closed first. */
    @Test
    public void isolatesInstances() {
        new IsolationContract(sample()).isolatesInstances();
    }

    /** Several models are loaded, executed and unloaded at the same time. */
    @Test
    public void isolatesModels() {
        new IsolationContract(sample()).isolatesModels();
    }

    /** A model can be loaded again after it was unloaded. */
    @Test
    public void loadsAgainAfterUnload() {
        new LifecycleContract(sample()).loadsAgainAfterUnload();
    }

    /** A server that asks for a completed configuration gets one that works, of the same model. */
    @Test
    public void completesTheConfiguration() {
        new LifecycleContract(sample()).completesTheConfiguration();
    }

    /** Executions leave nothing alive. */
    @Test
    public void executionsDoNotLeak() {
        new LifecycleContract(sample()).executionsDoNotLeak();
    }

    /** Unloaded models leave nothing alive: no resources, no threads. */
    @Test
    public void unloadDoesNotLeak() {
        new LifecycleContract(sample()).unloadDoesNotLeak();
    }

    /** The model's directory belongs to the user: nothing is written into it. */
    @Test
    public void leavesTheModelDirectoryAlone() {
        new LifecycleContract(sample()).leavesTheModelDirectoryAlone();
    }

    /**
     * What clients can see of these rules holds in a running server, too: in that which the system property
     * {@code nereid.url} names, such as {@code http://localhost:8000}. It has to offer the backend, and to allow that models
     * are loaded by request. Without the property, nothing is checked.
     */
    @TestFactory
    @Tag("served")
    public List<DynamicTest> worksInAServer() {
        String server = System.getProperty(SERVER, "");
        Assumptions.assumeFalse(server.isEmpty(), () -> "no server is named by -D" + SERVER);
        Assumptions.assumeFalse(sample().engine().offersModels(),
                "the backend calls models that only the test engine has");
        Assumptions.assumeTrue(!abilities().decoupled() || GenerateJson.isFor(config()),
                "generate_stream can't bring these datatypes along");
        Assumptions.assumeTrue(ConfigJson.canWrite(config()), "a load request can't bring this configuration along");
        ModelConfig config = config().toBuilder().name("contract_" + config().name())
                .isDecoupled(abilities().decoupled() || config().isDecoupled()).build();
        Map<TestRequest, TestResult> expected = new LinkedHashMap<>();
        sample().whileLoaded(config, model -> sampleRequests().forEach(request -> {
            TestResult result = model.infer(request);
            checkAnswer(request, result);
            expected.put(request, result);
        }));
        if (config.isDecoupled()) {
            sample().whileLoaded(config, model -> streamRequests().stream().filter(GenerateJson::canWrite)
                    .forEach(request -> expected.put(request, model.infer(request))));
        }
        ServedContract contract = new ServedContract(URI.create(server).resolve("/"), factory().name(),
                sample().directory(), config, expected, refusedRequests(),
                config.isDecoupled() ? this::assertSameStream : this::assertSameAnswer);
        List<DynamicTest> tests = new ArrayList<>();
        contract.checks().forEach((what, check) -> tests.add(DynamicTest.dynamicTest(what, check::run)));
        new AbilityContract(sample()).undeclared().forEach((what, asking) -> tests.add(
                DynamicTest.dynamicTest("refuses " + what, () -> contract.assertRefused(asking.apply(config)))));
        return tests;
    }

    private void assertSameStream(TestResult expected, TestResult actual) {
        assertEquals(Optional.empty(), actual.error().map(InferenceException::getMessage), "the error of a request");
        sample().assertSameStream(expected, actual);
    }

    private SampleModel sample() {
        SampleModel made = sample;
        if (made == null) {
            made = new SampleModel(this);
            sample = made;
        }
        return made;
    }
}
