package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.logging.Level;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class ThreadBudgetTest {
    private final RecordedThreads threads = new RecordedThreads();

    private static final class RecordedThreads implements ThreadBudget.NativeThreads {
        int intraOp;
        int interOp = 8;
        int blas;
        int settings;
        boolean isFixed;

        @Override
        public void setIntraOp(int count) {
            intraOp = count;
            settings++;
        }

        @Override
        public boolean setInterOp(int count) {
            if (isFixed) {
                return false;
            }
            interOp = count;
            isFixed = true;
            return true;
        }

        @Override
        public int interOp() {
            return interOp;
        }

        @Override
        public void setBlas(int count) {
            blas = count;
        }
    }

    private static TorchSettings settings(int cores) {
        return TorchSettings.parse(Map.of(TorchSettings.CORES, Integer.toString(cores)));
    }

    private int applied(ThreadBudget.Lease lease) {
        lease.apply();
        return threads.intraOp;
    }

    @Test
    void dividesTheCores() {
        ThreadBudget budget = ThreadBudget.create(settings(8), threads);

        ThreadBudget.Lease first = budget.lease(OptionalInt.empty());
        assertEquals(8, first.threads());
        ThreadBudget.Lease second = budget.lease(OptionalInt.empty());
        assertEquals(4, first.threads());
        budget.lease(OptionalInt.empty());
        assertEquals(2, second.threads());
        second.close();
        assertEquals(4, first.threads());
    }

    @Test
    void givesEveryInstanceAThread() {
        ThreadBudget budget = ThreadBudget.create(settings(1), threads);

        budget.lease(OptionalInt.empty());

        assertEquals(1, applied(budget.lease(OptionalInt.empty())));
    }

    @Test
    void keepsWhatAModelAsksFor() {
        ThreadBudget budget = ThreadBudget.create(settings(8), threads);

        ThreadBudget.Lease fixed = budget.lease(OptionalInt.of(6));
        ThreadBudget.Lease other = budget.lease(OptionalInt.empty());

        assertEquals(6, applied(fixed));
        assertEquals(2, applied(other));
    }

    @Test
    void givesNoMoreThanAnInstanceCanUse() {
        ThreadBudget budget = ThreadBudget.create(settings(8), threads);
        ThreadBudget.Lease limited = budget.lease(OptionalInt.empty());

        limited.limit(2);
        assertEquals(2, applied(limited));

        budget.lease(OptionalInt.of(7));
        assertEquals(1, applied(limited));
    }

    @Test
    void setsTheCountOnlyWhenItChanges() {
        ThreadBudget.Lease lease = ThreadBudget.create(settings(8), threads).lease(OptionalInt.empty());

        lease.apply();
        lease.apply();

        assertEquals(1, threads.settings);
    }

    @Test
    void boundsTheThreadsOfOpenBlas() {
        ThreadBudget.create(settings(2), threads);

        assertEquals(1, threads.blas);
    }

    /** The pool can be set once: as long as nobody uses it, a model may still come that wants another size. */
    @Test
    void boundsThePoolForAsynchronousTasksOnlyBeforeItIsUsed() {
        ThreadBudget budget = ThreadBudget.create(settings(2), threads);
        assertEquals(8, threads.interOp);

        budget.requestInterOp("asks", 3);
        budget.boundInterOp();

        assertEquals(3, threads.interOp);
    }

    @Test
    void boundsThePoolOfAModelThatDoesNotAsk() {
        ThreadBudget budget = ThreadBudget.create(settings(2), threads);

        budget.boundInterOp();
        budget.requestInterOp("late", 3);

        assertEquals(2, threads.interOp);
    }

    @Test
    void leavesASmallerPoolAsItIs() {
        ThreadBudget budget = ThreadBudget.create(settings(16), threads);

        budget.boundInterOp();
        budget.requestInterOp("asks", 12);

        assertEquals(12, threads.interOp);
    }

    @Test
    void leavesThePoolForAsynchronousTasksToTheFirstModelThatAsks() {
        ThreadBudget budget = ThreadBudget.create(settings(8), threads);

        budget.requestInterOp("first", 3);
        budget.requestInterOp("second", 5);

        assertEquals(3, threads.interOp);
    }

    @Test
    void saysWhatWasChosen() {
        try (RecordedLog log = RecordedLog.of(ThreadBudget.class)) {
            ThreadBudget budget = ThreadBudget.create(settings(4), threads);
            budget.lease(OptionalInt.empty());
            ThreadBudget.Lease asks = budget.lease(OptionalInt.of(2));
            budget.lease(OptionalInt.empty());
            asks.close();

            assertEquals(List.of(
                    "PyTorch threads: 4 cores usable, divided by the CPU instances of all models; OpenBLAS 1, since its"
                            + " threads compete with OpenMP's",
                    "PyTorch threads: 2 cores, 1 CPU instances: 2 for each execution",
                    "PyTorch threads: 2 cores, 2 CPU instances: 1 for each execution",
                    "PyTorch threads: 4 cores, 2 CPU instances: 2 for each execution"), log.texts(Level.INFO));
        }
    }

    /** A container with a quota has fewer cores than libtorch sees. */
    @Test
    void aModelsCountForAsynchronousTasksHoldsWhereFewerCoresMayBeUsed(@TempDir Path directory)
            throws IOException, InterruptedException {
        List<String> output = LibtorchProbe.run(directory, "cpu-cores=1");

        assertTrue(output.contains("tasks 5"), output::toString);
    }
}
