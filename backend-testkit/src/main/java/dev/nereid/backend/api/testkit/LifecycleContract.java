package dev.nereid.backend.api.testkit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/** Models come and go, and leave nothing behind. */
record LifecycleContract(SampleModel sample) {
    void loadsAgainAfterUnload() {
        for (int i = 0; i < 3; i++) {
            sample.loadAnswerUnload();
        }
    }

    void completesTheConfiguration() {
        try (TestModel model = sample.engine().load(sample.directory(), 1, sample.config(), true)) {
            assertEquals(sample.config().name(), model.config().name(),
                    "completing a configuration must keep the name");
            sample.answersRequests(model);
        }
        sample.engine().assertNoViolations();
    }

    void executionsDoNotLeak() {
        sample.whileLoaded(model -> {
            sample.requests().forEach(model::infer);
            long before = sample.liveResources();
            for (int round = 0; round < AnswerContract.ROUNDS; round++) {
                sample.requests().forEach(model::infer);
                sample.requests().forEach(request -> model.infer(request.cancelled()));
                sample.refusedRequests().forEach(model::infer);
            }
            sample.assertNoMoreResources(before, "live resources after executions");
        });
    }

    void unloadDoesNotLeak() {
        sample.loadAnswerUnload();
        long before = sample.liveResources();
        Set<Thread> threads = liveThreads();
        for (int i = 0; i < 5; i++) {
            sample.loadAnswerUnload();
        }
        sample.assertNoMoreResources(before, "live resources after unload");
        Set<Thread> left = liveThreads();
        left.removeAll(threads);
        assertEquals(Set.of(), stillAlive(left), "threads left after unload");
    }

    void leavesTheModelDirectoryAlone() {
        Set<Path> before = sample.files();
        sample.loadAnswerUnload();
        assertEquals(before, sample.files(), "files in the model's directory");
    }

    private static Set<Thread> liveThreads() {
        Set<Thread> threads = new HashSet<>(Thread.getAllStackTraces().keySet());
        threads.removeIf(thread -> thread.getName().startsWith("ForkJoinPool"));
        return threads;
    }

    /** Gives threads that are about to end two seconds to do so, and returns the others. */
    private static Set<Thread> stillAlive(Set<Thread> threads) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(2);
        Set<Thread> alive = new HashSet<>(threads);
        try {
            for (Thread thread : threads) {
                long left = deadline - System.nanoTime();
                if (left > 0 ? thread.join(Duration.ofNanos(left)) : !thread.isAlive()) {
                    alive.remove(thread);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return alive;
    }
}
