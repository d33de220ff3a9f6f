package dev.nereid.backend.api.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.backend.api.testkit.TestRequest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/** Backends that break one rule each: the check for that rule must fail and say why. */
class WrongBackendsTest {
    @AfterEach
    void declareEverythingAgain() {
        Subject.abilities = EchoFactory.ABILITIES;
    }

    @Test
    void answeringTwiceIsFound() {
        assertFails("answersEverySample", "was answered twice", execute(request -> {
            EchoFactory.answer(request);
            request.fail(InferenceException.internal("again"));
        }));
    }

    @Test
    void notAnsweringIsFound() {
        assertFails("answersEverySample", "not answered", execute(request -> {
        }));
    }

    @Test
    void answeringAfterReturnIsFound() {
        assertFails("answersEverySample", "not answered", execute(request -> Thread.ofPlatform().start(() -> {
            while (!request.isAnswered()) {
                Thread.onSpinWait();
            }
            EchoFactory.answer(request);
        })));
    }

    @Test
    void aModelThatIsNotDecoupledThoughThatIsDeclaredIsFound() {
        Subject.abilities = EchoFactory.ABILITIES.withDecoupled();
        assertFails("answersAnyNumberOfTimes", "must be decoupled once it is loaded", execute(EchoFactory::answer));
    }

    @Test
    void answeringSeveralTimesThoughThatIsNotDeclaredIsFound() {
        assertFails("answersAnyNumberOfTimes", "the number of answers", execute(request -> {
            EchoFactory.respond(request).sendPartial();
            EchoFactory.respond(request).send();
        }));
    }

    @Test
    void aStrategyThatDividesDifferentlyEachTimeIsFound() {
        AtomicInteger calls = new AtomicInteger();
        assertFails("dividesTheSameRequestsInTheSameWay", "sizes of the batches that the strategy makes",
                new FakeBackend("echo").batchingStrategy(() -> request -> calls.incrementAndGet() % 5 != 0));
    }

    @Test
    void aStrategyThatAnswersRequestsIsFound() {
        assertFails("dividesTheSameRequestsInTheSameWay", "the batching strategy answered a request",
                new FakeBackend("echo").batchingStrategy(() -> request -> {
                    EchoFactory.answer(request);
                    return true;
                }));
    }

    @Test
    void droppingCancelledRequestsIsFound() {
        assertFails("answersCancelledRequests", "code of a cancelled request", execute(request -> {
            if (!request.isCancelled()) {
                EchoFactory.answer(request);
            }
        }));
    }

    @Test
    void keepingAnInputIsFound() {
        AtomicReference<@Nullable MemorySegment> kept = new AtomicReference<>();
        assertFails("repeatedExecutionsAnswerTheSame", "Already closed", execute(request -> {
            MemorySegment earlier = kept.getAndSet(request.inputs().getFirst().data());
            if (earlier != null) {
                assertEquals(0, earlier.get(ValueLayout.JAVA_BYTE, 0));
            }
            EchoFactory.answer(request);
        }));
    }

    @Test
    void handingOutAnInputAsOutputIsFound() {
        assertFails("answersEverySample", "can't be read once execute has returned",
                execute(request -> adopt(request, request.inputs().getFirst().data(), () -> {
                })));
    }

    @Test
    void freeingAnOutputWithTheExecutionIsFound() {
        assertFails("answersEverySample", "can't be read once execute has returned", execute(request -> {
            try (Arena arena = Arena.ofConfined()) {
                adopt(request, copy(request, arena), () -> {
                });
            }
        }));
    }

    @Test
    void writingIntoAnInputIsFound() {
        assertFails("answersEverySample", "read-only", execute(request -> {
            request.inputs().getFirst().data().set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
            EchoFactory.answer(request);
        }));
    }

    @SuppressWarnings("restricted")
    @Test
    void writingIntoAnInputAsNativeCodeDoesIsFound() {
        assertFails("answersEverySample", "was changed; inputs are read-only", execute(request -> {
            var response = EchoFactory.respond(request);
            long address = request.inputs().getFirst().data().address();
            MemorySegment byteOfInput = MemorySegment.ofAddress(address).reinterpret(1);
            byteOfInput.set(ValueLayout.JAVA_BYTE, 0, (byte) ~byteOfInput.get(ValueLayout.JAVA_BYTE, 0));
            response.send();
        }));
    }

    @Test
    void leakingAnAdoptedOutputIsFound() {
        assertFails("executionsDoNotLeak", "live resources after executions", execute(request -> {
            Subject.live.incrementAndGet();
            EchoFactory.answer(request);
        }));
    }

    @Test
    void releasingAdoptedOutputsPasses() {
        Consumer<InferenceRequest> adopting = request -> {
            Subject.live.incrementAndGet();
            MemorySegment memory = copy(request, Arena.ofAuto());
            adopt(request, memory, Subject.live::decrementAndGet);
        };
        assertEquals("", failure("executionsDoNotLeak", execute(adopting)));
    }

    @Test
    void leakingAModelIsFound() {
        assertFails("unloadDoesNotLeak", "live resources after unload",
                echo().onCreateModel(context -> Subject.live.incrementAndGet()));
    }

    @Test
    void leavingAThreadIsFound() {
        CountDownLatch end = new CountDownLatch(1);
        try {
            assertFails("unloadDoesNotLeak", "threads left after unload",
                    echo().onCreateInstance(context -> Thread.ofPlatform().name("left").start(() -> await(end))));
        } finally {
            end.countDown();
        }
    }

    @Test
    void throwingAProgrammingErrorIsFound() {
        assertFails("answersEverySample", "execute threw java.lang.UnsupportedOperationException",
                execute(request -> {
                    throw new UnsupportedOperationException("oops");
                }));
    }

    @Test
    void failingToCloseIsFound() {
        assertFails("answersEverySample", "close of instance 'm_0_0' threw", echo().onCloseInstance(() -> {
            throw new IllegalStateException("stuck");
        }));
        assertFails("answersEverySample", "close of model 'm' threw", echo().onCloseModel(() -> {
            throw new IllegalStateException("stuck");
        }));
    }

    @Test
    void failingABatchForOneRequestIsFound() {
        assertFails("keepsErrorsToTheirRequest", "refused as asked", new FakeBackend("echo").onExecute(batch -> {
            for (InferenceRequest request : batch.requests()) {
                EchoFactory.respond(request);
            }
            batch.requests().forEach(EchoFactory::answer);
        }));
    }

    @Test
    void mixingUpTheRowsOfABatchIsFound() {
        assertFails("batchesRequests", "answered differently", new FakeBackend("echo").onExecute(batch -> {
            List<InferenceRequest> requests = batch.requests();
            byte[] first = requests.getFirst().inputs().getFirst().data().toArray(ValueLayout.JAVA_BYTE);
            for (InferenceRequest request : requests) {
                Tensor input = request.inputs().getFirst();
                InferenceResponse response = request.newResponse();
                MemorySegment output = response.addOutput("OUTPUT0", input.dataType(), input.shape(),
                        input.byteSize());
                MemorySegment.copy(first, 0, output, ValueLayout.JAVA_BYTE, 0,
                        (int) Math.min(first.length, output.byteSize()));
                response.send();
            }
        }));
    }

    @Test
    void rememberingEarlierRequestsIsFound() {
        AtomicInteger executions = new AtomicInteger();
        assertFails("repeatedExecutionsAnswerTheSame", "answered differently", execute(request -> {
            InferenceResponse response = request.newResponse();
            Tensor input = request.inputs().getFirst();
            response.addOutput("OUTPUT0", input.dataType(), input.shape(), input.byteSize())
                    .fill((byte) executions.incrementAndGet());
            response.send();
        }));
    }

    @Test
    void sharingStateBetweenInstancesIsFound() {
        AtomicInteger running = new AtomicInteger();
        assertFails("isolatesInstances", "busy", execute(request -> {
            int others = running.getAndIncrement();
            try {
                if (others > 0) {
                    throw InferenceException.internal("busy");
                }
                pause();
                EchoFactory.answer(request);
            } finally {
                running.decrementAndGet();
            }
        }));
    }

    @Test
    @SuppressWarnings("MustBeClosedChecker") // never closed, as in the backend it stands for
    void hiddenConfinementIsFound() {
        AtomicReference<@Nullable Arena> arena = new AtomicReference<>();
        FakeBackend backend = new FakeBackend("echo")
                .attributes(BackendAttributes.DEFAULT.withThreadConfinement(ThreadConfinement.ANY_THREAD))
                .onCreateInstance(context -> arena.set(Arena.ofConfined()))
                .onExecute(EchoFactory.answering(request -> {
                    Arena confined = arena.get();
                    if (confined != null) {
                        confined.allocate(8).fill((byte) 0);
                    }
                    EchoFactory.answer(request);
                }));
        assertFails("answersEverySample", "WrongThreadException", backend);
    }

    @Test
    void undeclaredDatatypesAreFound() {
        assertFails("outputsAreAsConfigured", "datatype of output 'OUTPUT0'", execute(request -> {
            Tensor input = request.inputs().getFirst();
            InferenceResponse response = request.newResponse();
            response.addOutput("OUTPUT0", DataType.INT32, input.shape(), input.byteSize()).fill((byte) 0);
            response.send();
        }));
    }

    @Test
    void answeringMoreRowsThanWereAskedIsFound() {
        assertFails("outputsAreAsConfigured", "the configuration says [1,-1]", execute(request -> {
            Tensor input = request.inputs().getFirst();
            InferenceResponse response = request.newResponse();
            response.addOutput("OUTPUT0", DataType.FP32, input.shape().withFirst(request.batchSize() + 1L),
                    input.byteSize() / request.batchSize() * (request.batchSize() + 1)).fill((byte) 0);
            response.send();
        }));
    }

    @Test
    void brokenByteStringsAreFound() {
        assertFails("answersEverySample", "ends inside the length", execute(request -> {
            InferenceResponse response = request.newResponse();
            response.addOutput("OUTPUT1", DataType.BYTES, request.inputs().get(1).shape(), 3).fill((byte) 0);
            response.send();
        }));
    }

    @Test
    void omittingARequestedOutputIsFound() {
        assertFails("answersWithTheRequestedOutputs", "outputs of a request for 'OUTPUT1' only", execute(request -> {
            if (request.isOutputRequested("OUTPUT0")) {
                EchoFactory.answer(request);
            } else {
                request.newResponse().send();
            }
        }));
    }

    @Test
    void programmingErrorsOnBadRequestsAreFound() {
        assertFails("refusesBadRequestsAndGoesOn", "must not be INTERNAL", execute(request -> {
            if (request.input("INPUT0").isEmpty()) {
                throw InferenceException.internal("no input");
            }
            EchoFactory.answer(request);
        }));
    }

    @Test
    void classNamesInMessagesAreFound() {
        assertFails("refusesBadRequestsAndGoesOn", "must not name a class", execute(request -> {
            throwIfRefused(request);
            EchoFactory.answer(request);
        }));
    }

    @Test
    void writingIntoTheModelDirectoryIsFound() {
        assertFails("leavesTheModelDirectoryAlone", "files in the model's directory", echo().onCreateModel(context -> {
            try {
                Files.writeString(context.versionDirectory().resolve("cache"), "x");
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }));
    }

    @Test
    void abilitiesThatAreNotDeclaredMustBeRefused() {
        Subject.abilities = BackendAbilities.NONE;
        for (String check : List.of("batchesRequests", "takesDynamicShapes", "takesOptionalInputs",
                "runsOnDeclaredDevices")) {
            assertFails(check, "must fail to load with UNSUPPORTED", echo());
        }
    }

    @Test
    void aFactoryThatNobodyFindsIsRefused() {
        assertFails("factoryFitsTheContract", "@Extension", echo());
    }

    /** The contract test on whatever backend a test puts here. Not found by the build: nested. */
    static class Subject extends BackendContractTest {
        static final AtomicLong live = new AtomicLong();
        static BackendFactory backend = new EchoFactory();
        static BackendAbilities abilities = EchoFactory.ABILITIES;

        @Override
        protected BackendFactory factory() {
            return backend;
        }

        @Override
        protected ModelConfig config() {
            return EchoFactory.config();
        }

        @Override
        protected List<TestRequest> sampleRequests() {
            return EchoFactory.sampleRequests();
        }

        @Override
        protected List<TestRequest> refusedRequests() {
            return EchoFactory.refusedRequests();
        }

        @Override
        protected BackendAbilities abilities() {
            return abilities;
        }

        @Override
        protected long liveResources() {
            return live.get();
        }
    }

    private static void assertFails(String check, String text, BackendFactory backend) {
        String failure = failure(check, backend);
        assertTrue(failure.contains(text), "expected '" + text + "' in: " + failure);
    }

    /** Returns the failure of that check on that backend, with its causes; empty when it passes. */
    private static String failure(String check, BackendFactory backend) {
        Subject.backend = backend;
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(selectMethod(Subject.class, check)).build();
        SummaryGeneratingListener summary = new SummaryGeneratingListener();
        LauncherFactory.create().execute(request, summary);
        assertEquals(1, summary.getSummary().getTestsStartedCount());
        StringBuilder text = new StringBuilder();
        for (TestExecutionSummary.Failure failure : summary.getSummary().getFailures()) {
            for (Throwable thrown = failure.getException(); thrown != null; thrown = thrown.getCause()) {
                text.append(thrown).append('\n');
            }
        }
        return text.toString();
    }

    private static FakeBackend echo() {
        return execute(EchoFactory::answer);
    }

    private static FakeBackend execute(Consumer<InferenceRequest> action) {
        Consumer<Batch> execution = EchoFactory.answering(action);
        return new FakeBackend("echo").onExecute(execution);
    }

    private static void adopt(InferenceRequest request, MemorySegment memory, Runnable release) {
        Tensor input = request.inputs().getFirst();
        InferenceResponse response = request.newResponse();
        response.addOutput("OUTPUT0", input.dataType(), input.shape(), memory, release);
        response.send();
    }

    private static MemorySegment copy(InferenceRequest request, Arena arena) {
        MemorySegment source = request.inputs().getFirst().data();
        return arena.allocate(source.byteSize()).copyFrom(source);
    }

    private static void throwIfRefused(InferenceRequest request) {
        if (request.parameters().containsKey("refuse")) {
            throw InferenceException.invalid("java.lang.IllegalArgumentException: refused");
        }
    }

    private static void pause() {
        await(new CountDownLatch(1), 2);
    }

    private static void await(CountDownLatch latch) {
        await(latch, 60_000);
    }

    private static void await(CountDownLatch latch, long millis) {
        try {
            if (latch.await(millis, TimeUnit.MILLISECONDS)) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
