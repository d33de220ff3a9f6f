package dev.nereid.isolation.wire;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Questions, answers and events over one connection, in both directions at a time.
 *
 * <p>Threads: one reads and hands events to their handler, one after the other; each question gets a thread of its own. One
 * writes what any thread has put into its queue, so that no caller can close the connection by being interrupted.
 */
public final class ControlLink implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(ControlLink.class.getName());

    private final Connection connection;
    private final String name;
    private final Handler handler;
    private final LinkedBlockingQueue<Optional<Control.Frame>> unsent = new LinkedBlockingQueue<>();
    private final Map<Long, CompletableFuture<Control.Reply>> asked = new ConcurrentHashMap<>();
    private final AtomicLong lastId = new AtomicLong();
    private final CompletableFuture<Boolean> closed = new CompletableFuture<>();

    /** What the other side wants. */
    public interface Handler {
        /**
         * Answers a question. Called on a thread of its own, which may take its time.
         *
         * @throws InferenceException to answer with that
         */
        Control.Reply answer(Control.Question question);

        /** Takes an event; called by one thread, in order, and must not take long. */
        void take(Control.Event event);

        /**
         * Notes that the connection is gone. Called once.
         *
         * @param isBroken whether what came over it can't be used
         */
        void gone(boolean isBroken);
    }

    private ControlLink(Connection connection, String name, Handler handler) {
        this.connection = connection;
        this.name = name;
        this.handler = handler;
    }

    /** Starts to read and to write. */
    public static ControlLink start(Connection connection, String name, Handler handler) {
        ControlLink link = new ControlLink(connection, name, handler);
        Thread.ofPlatform().name(name + "-read").daemon(true).start(link::read);
        Thread.ofPlatform().name(name + "-write").daemon(true).start(link::write);
        return link;
    }

    /** Tells something. Where the connection is gone nobody hears it. */
    public void tell(Control.Event event) {
        unsent.add(Optional.of(new Control.Tell(event)));
    }

    /**
     * Asks something and waits for the answer.
     *
     * @param limit how long to wait
     * @throws InferenceException what the other side answers; UNAVAILABLE where it is gone, or does not answer in time
     */
    public <R extends Control.Reply> R ask(Control.Question question, Class<R> expected, Duration limit) {
        long id = lastId.incrementAndGet();
        CompletableFuture<Control.Reply> reply = new CompletableFuture<>();
        asked.put(id, reply);
        try {
            unsent.add(Optional.of(new Control.Ask(id, question)));
            if (closed.isDone()) {
                reply.cancel(false);
            }
            Control.Reply answer = reply.get(limit.toMillis(), TimeUnit.MILLISECONDS);
            if (answer instanceof Control.Failing(Failure failure)) {
                throw failure.exception();
            }
            return expected.cast(answer);
        } catch (TimeoutException e) {
            throw new InferenceException(StatusCode.UNAVAILABLE, "the other process did not answer within "
                    + limit.toMillis() + " ms", e);
        } catch (java.util.concurrent.CancellationException e) {
            throw new InferenceException(StatusCode.UNAVAILABLE, "the other process has ended", e);
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InferenceException(StatusCode.UNAVAILABLE, "the wait for the other process was interrupted", e);
        } finally {
            asked.remove(id);
        }
    }

    private void write() {
        FrameOutput frame = new FrameOutput();
        try {
            while (true) {
                Optional<Control.Frame> next = unsent.take();
                if (next.isEmpty()) {
                    return;
                }
                frame.clear();
                RecordCodec.write(Control.Frame.class, next.get(), frame);
                connection.send(frame);
            }
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> name + ": " + e);
        } catch (InterruptedException | RuntimeException e) {
            LOGGER.log(Level.ERROR, name + " can't be written to", e);
        } finally {
            connection.close();
        }
    }

    private void read() {
        boolean isBroken = false;
        try {
            while (true) {
                switch (RecordCodec.read(Control.Frame.class, connection.receive())) {
                    case Control.Tell(Control.Event event) -> handler.take(event);
                    case Control.Answer(long id, Control.Reply reply) -> {
                        CompletableFuture<Control.Reply> waiting = asked.remove(id);
                        if (waiting != null) {
                            waiting.complete(reply);
                        }
                    }
                    case Control.Ask(long id, Control.Question question) -> Thread.ofPlatform()
                            .name(name + "-" + question.getClass().getSimpleName()).daemon(true)
                            .start(() -> answer(id, question));
                }
            }
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> name + ": " + e);
        } catch (RuntimeException e) {
            LOGGER.log(Level.ERROR, name + " brought what can't be used", e);
            isBroken = true;
        } finally {
            close();
            handler.gone(isBroken);
        }
    }

    private void answer(long id, Control.Question question) {
        Control.Reply reply;
        try {
            reply = handler.answer(question);
        } catch (InferenceException e) {
            reply = new Control.Failing(Failure.of(e));
        } catch (RuntimeException | Error e) {
            LOGGER.log(Level.ERROR, name + ": " + question.getClass().getSimpleName() + " failed", e);
            reply = new Control.Failing(new Failure(StatusCode.INTERNAL, String.valueOf(e.getMessage())));
        }
        unsent.add(Optional.of(new Control.Answer(id, reply)));
    }

    /** Closes the connection. Who waits for an answer is told that the other side is gone. */
    @Override
    public void close() {
        closed.complete(true);
        connection.close();
        unsent.add(Optional.empty());
        asked.values().forEach(reply -> reply.cancel(false));
    }
}
