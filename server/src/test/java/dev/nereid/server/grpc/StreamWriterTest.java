package dev.nereid.server.grpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.engine.memory.BufferPool;
import dev.nereid.server.grpc.wire.InferAnswer;
import dev.nereid.server.grpc.wire.InferAnswerMarshaller;
import dev.nereid.server.grpc.wire.InferMessage;
import dev.nereid.server.grpc.wire.InferRequestMarshaller;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class StreamWriterTest {
    private static final StreamWriter.Bounds WIDE = new StreamWriter.Bounds(Integer.MAX_VALUE, Long.MAX_VALUE);

    @AutoClose
    private final BufferPool pool = new BufferPool(1 << 20, 0);
    private final TransportMemory memory = TransportMemory.create(pool);
    private final CallBytes bytes = (CallBytes) new CallBytes.Factory(memory).newServerStreamTracer(
            Methods.STREAM_INFER,
            new Metadata());
    private final Client client = new Client(pool);
    private int closed;
    private int rooms;
    private int made;

    @AfterEach
    void everyAnswerWasClosedOnce() {
        assertEquals(made, closed);
        bytes.streamClosed(Status.OK);
        assertEquals(0, memory.held());
    }

    private StreamWriter writer(StreamWriter.Bounds bounds) {
        return new StreamWriter(client, bytes, bounds,
                new StreamWriter.Sending(Runnable::run, Long.MAX_VALUE, () -> rooms++, Metadata::new));
    }

    private StreamWriter.Answer answer(String id) {
        return answer(id, 10);
    }

    private synchronized StreamWriter.Answer answer(String id, long size) {
        made++;
        return new StreamWriter.Answer() {
            @Override
            public long byteSize() {
                return size;
            }

            @Override
            public InferAnswer encode() {
                return InferAnswer.failure(new InferAnswer.About("", "", id, Map.of()), "");
            }

            @Override
            public void close() {
                synchronized (StreamWriterTest.this) {
                    closed++;
                }
            }
        };
    }

    /** Takes what is sent to it. */
    private static final class Client extends ServerCall<InferMessage, InferAnswer> {
        private final MethodDescriptor<InferMessage, InferAnswer> method;
        private final List<String> received = new ArrayList<>();
        private volatile boolean isReady = true;
        private Optional<Status> end = Optional.empty();

        Client(BufferPool pool) {
            method = Methods.streamInfer(new InferRequestMarshaller(pool, () -> {
            }), new InferAnswerMarshaller());
        }

        @Override
        public boolean isReady() {
            return isReady;
        }

        @Override
        public void sendMessage(InferAnswer message) {
            try {
                byte[] bytes = method.streamResponse(message).readAllBytes();
                received.add(dev.nereid.server.grpc.proto.ModelStreamInferResponse.parseFrom(bytes).getInferResponse()
                        .getId());
            } catch (java.io.IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        }

        @Override
        public void close(Status status, Metadata trailers) {
            assertTrue(end.isEmpty(), "closed twice");
            end = Optional.of(status);
        }

        @Override
        public void request(int numMessages) {
        }

        @Override
        public void sendHeaders(Metadata headers) {
        }

        @Override
        public boolean isCancelled() {
            return false;
        }

        @Override
        public MethodDescriptor<InferMessage, InferAnswer> getMethodDescriptor() {
            return method;
        }
    }

    @Test
    void orderedAnswersComeInTheOrderOfTheRequests() {
        StreamWriter writer = writer(WIDE);
        StreamWriter.Slot first = writer.next(true);
        StreamWriter.Slot second = writer.next(true);
        StreamWriter.Slot third = writer.next(true);
        third.answer(answer("3"));
        second.answer(answer("2"));
        assertEquals(List.of(), client.received);
        first.answer(answer("1"));
        assertEquals(List.of("1", "2", "3"), client.received);
    }

    @Test
    void otherAnswersComeAtOnce() {
        StreamWriter writer = writer(WIDE);
        StreamWriter.Slot ordered = writer.next(true);
        StreamWriter.Slot decoupled = writer.next(false);
        decoupled.answer(answer("d1"));
        decoupled.answer(answer("d2"));
        ordered.answer(answer("1"));
        decoupled.answer(answer("d3"));
        assertEquals(List.of("d1", "d2", "1", "d3"), client.received);
    }

    @Test
    void ofARequestWhoseOrderCountsOneAnswerIsSent() {
        StreamWriter writer = writer(WIDE);
        StreamWriter.Slot slot = writer.next(true);
        slot.answer(answer("first"));
        slot.answer(answer("second"));
        assertEquals(List.of("first"), client.received);
    }

    @Test
    void aRequestThatEndsWithoutAnAnswerHoldsUpNoOther() {
        StreamWriter writer = writer(WIDE);
        StreamWriter.Slot silent = writer.next(true);
        StreamWriter.Slot second = writer.next(true);
        second.answer(answer("2"));
        silent.end();
        assertEquals(List.of("2"), client.received);
    }

    @Test
    void theStreamEndsWhenTheClientHasFinishedAndEveryRequestIsAnswered() {
        StreamWriter writer = writer(WIDE);
        StreamWriter.Slot slot = writer.next(true);
        writer.halfClosed();
        assertTrue(client.end.isEmpty());
        slot.answer(answer("1"));
        assertTrue(client.end.isEmpty());
        slot.end();
        assertEquals(Status.OK, client.end.orElseThrow());
        assertEquals(List.of("1"), client.received);
    }

    @Test
    void nothingIsSentBeforeThereIsRoom() {
        StreamWriter writer = writer(new StreamWriter.Bounds(2, Long.MAX_VALUE));
        client.isReady = false;
        StreamWriter.Slot slot = writer.next(false);
        slot.answer(answer("1"));
        assertTrue(writer.takesMore());
        slot.answer(answer("2"));
        assertFalse(writer.takesMore());
        slot.end();
        writer.halfClosed();
        assertEquals(List.of(), client.received);
        assertTrue(client.end.isEmpty());
        client.isReady = true;
        writer.room();
        assertEquals(List.of("1", "2"), client.received);
        assertEquals(Status.OK, client.end.orElseThrow());
    }

    @Test
    void noMoreRequestsAreReadWhileHalfOfTheBytesWait() {
        StreamWriter writer = writer(new StreamWriter.Bounds(100, 1000));
        client.isReady = false;
        StreamWriter.Slot slot = writer.next(false);
        slot.answer(answer("1", 500));
        assertTrue(writer.takesMore());
        slot.answer(answer("2", 1));
        assertFalse(writer.takesMore());
        client.isReady = true;
        writer.room();
        assertTrue(writer.takesMore());
        slot.end();
    }

    @Test
    void aClientThatReadsTooSlowlyIsEnded() {
        StreamWriter writer = writer(new StreamWriter.Bounds(100, 1000));
        client.isReady = false;
        StreamWriter.Slot slot = writer.next(false);
        slot.answer(answer("1", 600));
        assertTrue(client.end.isEmpty());
        slot.answer(answer("2", 600));
        assertEquals(Status.Code.RESOURCE_EXHAUSTED, client.end.orElseThrow().getCode());
        assertEquals("the client reads too slowly: 2 responses of 1200 bytes wait for it",
                client.end.get().getDescription());
        slot.answer(answer("3", 600));
        slot.end();
        assertFalse(writer.takesMore());
    }

    @Test
    void anErrorEndsTheStreamAndDropsWhatWaits() {
        StreamWriter writer = writer(WIDE);
        client.isReady = false;
        StreamWriter.Slot slot = writer.next(true);
        slot.answer(answer("1"));
        writer.fail(Status.INTERNAL);
        assertEquals(Status.INTERNAL, client.end.orElseThrow());
        client.isReady = true;
        writer.room();
        writer.next(true).answer(answer("2"));
        assertEquals(List.of(), client.received);
    }

    @Test
    void aClientThatHasGoneGetsNothing() {
        StreamWriter writer = writer(WIDE);
        client.isReady = false;
        StreamWriter.Slot waiting = writer.next(true);
        waiting.answer(answer("1"));
        StreamWriter.Slot running = writer.next(true);
        writer.cancelled();
        client.isReady = true;
        running.answer(answer("2"));
        running.end();
        waiting.end();
        writer.halfClosed();
        assertEquals(List.of(), client.received);
        assertTrue(client.end.isEmpty());
    }

    @Test
    void answersOfManyThreadsAreSentOnceAndInOrder() throws InterruptedException {
        int requests = 5_000;
        StreamWriter writer = writer(WIDE);
        List<StreamWriter.Slot> slots = new ArrayList<>();
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < requests; i++) {
            slots.add(writer.next(true));
            expected.add(Integer.toString(i));
        }
        writer.halfClosed();
        CountDownLatch done = new CountDownLatch(4);
        for (int thread = 0; thread < 4; thread++) {
            int first = thread;
            Thread.ofPlatform().start(() -> {
                SplittableRandom random = new SplittableRandom(first);
                for (int i = first; i < requests; i += 4) {
                    if (random.nextInt(50) == 0) {
                        client.isReady = random.nextBoolean();
                    }
                    slots.get(i).answer(answer(Integer.toString(i)));
                    slots.get(i).end();
                }
                done.countDown();
            });
        }
        done.await();
        client.isReady = true;
        writer.room();
        assertEquals(expected, client.received);
        assertEquals(Status.OK, client.end.orElseThrow());
    }
}
