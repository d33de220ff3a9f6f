package dev.nereid.engine.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Scheduling.Strategy;
import dev.nereid.engine.instance.ExecutionBatch;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.schedule.SequenceReference.Request;
import dev.nereid.engine.schedule.SequenceReference.Sequence;
import dev.nereid.engine.schedule.sequence.SequenceBatcher;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Thousands of random sequences, whose requests arrive, wait, are executed, time out and are cancelled in any order while
 * instances come and go. After each step the batcher must have done what {@link SequenceReference} says, and each answer is
 * that of the model which is given one sequence alone.
 */
@Timeout(60)
class SequenceModelCheckTest {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int STEPS = 12_000;
    private static final int IDS = 40;

    @ParameterizedTest(name = "{0} with {1} instances and batches of {2}, {3} candidates")
    @CsvSource({"direct,1,4,0", "direct,3,2,0", "direct,4,1,0", "direct,2,0,0", "oldest,1,4,0", "oldest,2,4,9",
        "oldest,3,1,2", "oldest,2,8,3"})
    void doesWhatTheReferenceSays(String strategy, int instances, int maxBatchSize, int candidates) {
        long seed = Long.getLong("nereid.test.seed", System.nanoTime());
        try (Run run = new Run(strategy.equals("direct"), maxBatchSize, candidates, seed)) {
            for (int i = 0; i < instances; i++) {
                run.addInstance();
            }
            for (int i = 0; i < STEPS; i++) {
                run.step();
            }
            run.finish();
            assertTrue(run.executed > STEPS / 20, () -> run.executed + " requests were executed");
            assertTrue(run.started > STEPS / 30, () -> run.started + " sequences");
        } catch (AssertionError | RuntimeException e) {
            throw new AssertionError("with -Dnereid.test.seed=" + seed + ": " + e.getMessage(), e);
        }
    }

    /** One run. */
    private static final class Run implements AutoCloseable {
        private final Random random;
        private final SequenceFixture rig;
        private final SequenceBatcher batcher;
        private final SequenceReference reference;
        private final boolean isDirect;
        private final int rows;
        private final List<Worker> workers = new ArrayList<>();
        private final Map<ActiveRequest, Request> requests = new HashMap<>();
        private final Map<Request, SequenceFixture.Sent> active = new HashMap<>();
        /** What the batcher has dropped since it was last compared. */
        private final Map<Request, String> dropped = new HashMap<>();
        private int instanceNumber;
        private long value;
        private int executed;
        private int started;

        Run(boolean isDirect, int maxBatchSize, int candidates, long seed) {
            random = new Random(seed);
            this.isDirect = isDirect;
            this.rows = Math.max(1, maxBatchSize);
            Strategy strategy = isDirect ? SequenceFixture.direct() : SequenceFixture.oldest(candidates);
            rig = new SequenceFixture(strategy, maxBatchSize);
            batcher = SequenceFixture.batcher(strategy, maxBatchSize, false);
            reference = new SequenceReference(isDirect, isDirect || candidates == 0 ? rows : candidates,
                    SequenceFixture.IDLE_MICROS * 1000);
        }

        /** An instance, and what it executes. */
        private static final class Worker {
            final Instance instance;
            final int number;
            List<ActiveRequest> batch = List.of();
            boolean isRetiring;

            Worker(Instance instance, int number) {
                this.instance = instance;
                this.number = number;
            }
        }

        private long now() {
            return rig.time.getAsLong();
        }

        private void drop(ActiveRequest request, InferenceException error) {
            dropped.put(known(request), error.code() + " " + error.getMessage());
        }

        private Request known(ActiveRequest request) {
            Request found = requests.get(request);
            assertNotNull(found, "a request that nobody sent");
            return found;
        }

        private void compare(List<Request> failed, String error) {
            Map<Request, String> expected = new HashMap<>();
            failed.forEach(request -> expected.put(request, error));
            compare(expected);
        }

        private void compare(Map<Request, String> expected) {
            assertEquals(expected, dropped);
            dropped.keySet().forEach(this::forget);
            dropped.clear();
        }

        private void forget(Request request) {
            requests.remove(Objects.requireNonNull(active.remove(request)).request);
        }

        void addInstance() {
            int number = instanceNumber++;
            Worker worker = new Worker(Instance.create("m_" + number, ThreadConfinement.OWN_THREAD,
                    SequenceModelCheckTest.class.getClassLoader(), () -> batch -> {
                    }), number);
            workers.add(worker);
            batcher.add(worker.instance, now(), this::drop);
            compare(reference.add(number, now()), "CANCELLED ");
        }

        private void retireInstance() {
            List<Worker> serving = workers.stream().filter(worker -> !worker.isRetiring).toList();
            if (serving.size() > 1) {
                Worker worker = serving.get(random.nextInt(serving.size()));
                worker.isRetiring = true;
                batcher.retire(worker.instance);
                reference.retire(worker.number);
            }
        }

        void step() {
            switch (random.nextInt(20)) {
                case 0 -> advance(random.nextInt(200));
                case 1 -> cancel();
                case 2, 3, 4, 5, 6, 7, 8 -> poll();
                case 9, 10, 11 -> finish(workers.get(random.nextInt(workers.size())));
                case 12 -> changeInstances();
                default -> submit();
            }
            review();
        }

        private void changeInstances() {
            switch (random.nextInt(20)) {
                case 0 -> addInstance();
                case 1 -> retireInstance();
                case 2 -> advance(2 * (int) SequenceFixture.IDLE_MICROS);
                default -> {
                }
            }
        }

        private void advance(int micros) {
            rig.time.advanceMicros(micros);
            review();
        }

        /** What the scheduler does when its alarm rings or a request was cancelled. */
        private void review() {
            batcher.expire(now(), this::drop);
            Map<Request, String> expected = new HashMap<>();
            reference.endIdle(now()).forEach(request -> expected.put(request, "CANCELLED "));
            reference.endLate(now()).forEach(request -> expected.put(request,
                    "UNAVAILABLE timeout of the corresponding sequence has been expired"));
            compare(expected);
            assertTrue(batcher.nextEvent(false) > now(), "everything that was due is done");
            for (Worker worker : List.copyOf(workers)) {
                if (worker.isRetiring && worker.batch.isEmpty() && !batcher.serves(worker.instance)) {
                    workers.remove(worker);
                    worker.instance.close();
                }
            }
        }

        private void submit() {
            long id = 1L + random.nextInt(IDS);
            boolean isStart = random.nextInt(6) == 0;
            Request request = new Request(id, ++value, isStart, random.nextInt(8) == 0);
            long timeout = random.nextInt(10) == 0 ? 1 + random.nextInt(300) : 0;
            SequenceFixture.Sent sent = rig.new Sent(new CorrelationId.Numeric(id), request.value, isStart,
                    request.isEnd, timeout, 1);
            sent.request.queuedAt(now());
            boolean isTaken = reference.takes(request);
            try {
                requests.put(sent.request, request);
                active.put(request, sent);
                batcher.offer(sent.request, now(), this::drop);
                assertTrue(isTaken, () -> request + " was accepted");
                started += isStart ? 1 : 0;
            } catch (InferenceException e) {
                assertEquals(isTaken
                        ? ""
                        : "inference request for sequence " + id + " to model 'm' must specify the START"
                                + " flag on the first request of the sequence",
                        e.getMessage());
                forget(request);
                return;
            }
            compare(reference.submit(request, timeout * 1000, now()), "CANCELLED ");
        }

        private void cancel() {
            List<Request> waiting = active.keySet().stream().sorted(Comparator.comparingLong(each -> each.value))
                    .toList();
            if (!waiting.isEmpty() && random.nextInt(3) == 0) {
                Request request = waiting.get(random.nextInt(waiting.size()));
                Sequence sequence = SequenceReference.sequenceOf(request);
                if (sequence.executing != request) {
                    request.isCancelled = true;
                    Objects.requireNonNull(active.get(request)).request.cancel();
                }
            }
        }

        private void poll() {
            for (Worker worker : workers) {
                if (worker.batch.isEmpty()) {
                    poll(worker);
                }
            }
        }

        private void poll(Worker worker) {
            boolean isDue = batcher.isDue(worker.instance, now(), this::drop);
            worker.batch = batcher.poll(worker.instance, now(), this::drop);
            assertEquals(isDue, !worker.batch.isEmpty(), "whether there is a batch");
            List<Request> failed = new ArrayList<>();
            reference.running().stream().filter(sequence -> isOn(sequence, worker))
                    .sorted(isDirect
                            ? Comparator.comparingInt(sequence -> Objects.requireNonNull(sequence.place).row())
                            : Comparator.comparingLong(sequence -> sequence.offered))
                    .forEach(sequence -> failed.addAll(reference.look(sequence, now())));
            List<Request> batch = check(worker);
            failed.addAll(reference.executes(batch, now()));
            compare(failed, "CANCELLED ");
            executed += batch.size();
        }

        private static boolean isOn(Sequence sequence, Worker worker) {
            return sequence.place != null && sequence.place.instance() == worker.number;
        }

        /** Compares what a batch consists of; returns the requests in it. */
        private List<Request> check(Worker worker) {
            List<Sequence> ready = reference.running().stream()
                    .filter(sequence -> isOn(sequence, worker) && sequence.executing == null
                            && !sequence.waiting.isEmpty())
                    .toList();
            List<Request> batch = new ArrayList<>();
            int row = 0;
            for (ActiveRequest request : worker.batch) {
                if (request.isStandIn()) {
                    assertTrue(isDirect, "a gap");
                    assertEquals(".", SequenceFixture.row(request));
                } else {
                    Request known = known(request);
                    Sequence sequence = SequenceReference.sequenceOf(known);
                    assertTrue(ready.contains(sequence), () -> known + " is executed");
                    assertEquals(sequence.waiting.getFirst(), known, "the order within the sequence");
                    assertTrue(!isDirect || Objects.requireNonNull(sequence.place).row() == row, "the row");
                    assertEquals(known.value + (known.isStart ? "S" : "") + (known.isEnd ? "E" : ""),
                            SequenceFixture.row(request));
                    assertEquals(known.id, request.input("ID").orElseThrow().data().get(LONG, 0));
                    assertEquals(known.isStart ? 0 : sequence.sum,
                            request.input("SUM_IN").orElseThrow().data().get(LONG, 0),
                            () -> "the state before " + known);
                    batch.add(known);
                }
                row++;
            }
            assertEquals(isDirect ? ready.size() : Math.min(rows, ready.size()), batch.size(),
                    "what waits is executed");
            return batch;
        }

        private void finish(Worker worker) {
            List<ActiveRequest> batch = worker.batch;
            worker.batch = List.of();
            batch.forEach(request -> request.executionStarts(now(), rig.time));
            SequenceFixture.addUp(new ExecutionBatch(batch, rig.time));
            for (ActiveRequest request : batch) {
                request.deliver();
                if (!request.isStandIn()) {
                    Request known = known(request);
                    assertEquals(Long.toString(known.answer), Objects.requireNonNull(active.get(known)).answer());
                    forget(known);
                    batcher.executed(request, now(), this::drop);
                    compare(reference.executed(known, now()), "CANCELLED ");
                }
            }
        }

        /** Lets all sequences end. */
        void finish() {
            // What is executed last may be the end of the last sequences, which have no slot then.
            workers.forEach(this::finish);
            for (int i = 0; i < STEPS && !reference.isEmpty(); i++) {
                poll();
                workers.forEach(this::finish);
                advance((int) SequenceFixture.IDLE_MICROS);
            }
            assertTrue(reference.isEmpty());
            assertTrue(batcher.isEmpty());
            assertEquals(0, batcher.waiting());
            assertEquals(0, batcher.running());
            assertEquals(Map.of(), active);
            assertEquals(0, rig.pool.inUseBytes(), "bytes of states are given back");
        }

        @Override
        public void close() {
            workers.forEach(worker -> worker.instance.close());
            rig.close();
        }
    }
}
