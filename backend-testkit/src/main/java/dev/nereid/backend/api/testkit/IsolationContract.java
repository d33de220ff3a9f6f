package dev.nereid.backend.api.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Instances and models work at the same time and don't disturb each other. */
record IsolationContract(SampleModel sample) {
    void isolatesInstances() {
        sample.whileLoaded(sample.configWithInstances(hostKind(), 2), model -> {
            assertEquals(2, model.instanceCount());
            List<TestRequest> requests = sample.requests();
            List<TestResult> expected = requests.stream().map(model::infer).toList();
            atTheSameTime(2, instance -> {
                for (int round = 0; round < AnswerContract.ROUNDS; round++) {
                    int index = (round + instance) % requests.size();
                    sample.assertSameAnswer(expected.get(index),
                            model.executeOn(instance, List.of(requests.get(index))).getFirst());
                }
            });
            model.closeInstance(1);
            sample.assertSameAnswer(expected.getFirst(), model.infer(requests.getFirst()));
        });
    }

    void isolatesModels() {
        TestEngine engine = sample.engine();
        Path directory = sample.directory();
        atTheSameTime(3, index -> {
            ModelConfig config = sample.config().toBuilder().name(sample.config().name() + index).build();
            try (TestModel model = engine.load(directory, config)) {
                sample.answersRequests(model);
            }
        });
        engine.assertNoViolations();
    }

    private InstanceGroup.Kind hostKind() {
        return Stream.of(InstanceGroup.Kind.CPU, InstanceGroup.Kind.MODEL, InstanceGroup.Kind.GPU)
                .filter(sample.abilities().kinds()::contains).findFirst().orElseThrow(
                        () -> new AssertionError("abilities() must declare a kind of instances"));
    }

    private static void atTheSameTime(int count, IntConsumer action) {
        List<FutureTask<Boolean>> tasks = IntStream.range(0, count).mapToObj(i -> new FutureTask<>(task(action, i)))
                .toList();
        tasks.forEach(task -> Thread.ofPlatform().daemon().name("contract-test").start(task));
        for (FutureTask<Boolean> task : tasks) {
            try {
                task.get(InstanceCalls.PATIENCE.toSeconds(), TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                throw new AssertionError(String.valueOf(e.getCause()), e.getCause());
            } catch (TimeoutException e) {
                throw new AssertionError("executions at the same time block each other", e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AssertionError("interrupted", e);
            }
        }
    }

    private static Callable<Boolean> task(IntConsumer action, int index) {
        return () -> {
            action.accept(index);
            return true;
        };
    }
}
