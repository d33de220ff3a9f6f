package dev.nereid.engine.request;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.memory.BufferPool;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A response under construction. Owns the memory of its outputs until it is sent or dropped. */
final class PendingResponse implements InferenceResponse {
    /** What a response occupies beside its tensors. */
    private static final long OBJECTS = 512;
    private static final Logger LOGGER = System.getLogger(PendingResponse.class.getName());

    private final ActiveRequest request;
    private @Nullable PendingResponse next;
    private List<Tensor> outputs = List.of();
    private List<BufferPool.Buffer> buffers = List.of();
    private List<Runnable> releases = List.of();
    private List<State> states = List.of();
    private Map<String, Parameter> parameters = Map.of();
    private boolean isFinished;
    private boolean isPresented;
    private long begunNanos;
    private long occupiedBytes = OBJECTS;

    /** Creates a response; {@code next} is another that its request has not sent yet. */
    PendingResponse(ActiveRequest request, @Nullable PendingResponse next) {
        this.request = request;
        this.next = next;
    }

    @Nullable
    PendingResponse next() {
        return next;
    }

    /** Returns what the chain that begins with {@code first} begins with when this is no longer in it. */
    @Nullable
    PendingResponse removedFrom(@Nullable PendingResponse first) {
        if (first == this) {
            return next;
        }
        for (PendingResponse each = first; each != null; each = each.next) {
            if (each.next == this) {
                each.next = next;
            }
        }
        return first;
    }

    /** Returns a list with one more element; the given one if it can be added to. Most responses have one output. */
    private static <T> List<T> plus(List<T> list, T element) {
        if (list.isEmpty()) {
            return List.of(element);
        }
        List<T> longer = list.size() == 1 ? new ArrayList<>(list) : list;
        longer.add(element);
        return longer;
    }

    @Override
    public MemorySegment addOutput(String name, DataType dataType, Shape shape, long byteSize) {
        MemorySegment memory = allocate(name, dataType, shape, byteSize);
        // A pooled buffer holds what another request left in it; a backend that writes less must not pass that on.
        return memory.fill((byte) 0);
    }

    @Override
    public void copyOutput(String name, DataType dataType, Shape shape, MemorySegment source) {
        MemorySegment.copy(source, 0, allocate(name, dataType, shape, source.byteSize()), 0, source.byteSize());
    }

    private MemorySegment allocate(String name, DataType dataType, Shape shape, long byteSize) {
        checkNew(name);
        begin(byteSize);
        BufferPool.Buffer buffer = request.pool().acquire(byteSize);
        if (request.isState(name)) {
            return addState(name, dataType, shape, buffer);
        }
        buffers = plus(buffers, buffer);
        outputs = plus(outputs, new Tensor(name, dataType, shape, buffer.segment()));
        return buffer.segment();
    }

    private MemorySegment addState(String name, DataType dataType, Shape shape, BufferPool.Buffer buffer) {
        MemorySegment memory = buffer.segment();
        try {
            states = plus(states, new State(new Tensor(name, dataType, shape, memory), buffer::close));
        } catch (InferenceException e) {
            buffer.close();
            throw e;
        }
        return memory;
    }

    @Override
    public void addOutput(String name, DataType dataType, Shape shape, MemorySegment data, Runnable release) {
        checkNew(name);
        if (request.isState(name)) {
            // It may be kept for long, and the memory may be that of a whole batch.
            copyOutput(name, dataType, shape, data);
            run(release);
            return;
        }
        begin(data.byteSize());
        outputs = plus(outputs, new Tensor(name, dataType, shape, data));
        // From here on the memory is this response's; where a check above failed, it still is the backend's.
        releases = plus(releases, release);
    }

    private void begin(long bytes) {
        occupiedBytes += bytes;
        if (outputs.isEmpty()) {
            begunNanos = request.responseClock();
        }
    }

    private void checkNew(String name) {
        if (isFinished) {
            throw new IllegalStateException("output '" + name + "' is added to a response that was already sent");
        }
        for (Tensor output : outputs) {
            if (output.name().equals(name)) {
                throw InferenceException.invalid("the response has two outputs '" + name + "'");
            }
        }
        for (State state : states) {
            if (state.output().name().equals(name)) {
                throw InferenceException.invalid("the response has two outputs '" + name + "'");
            }
        }
    }

    @Override
    public void setParameter(String name, Parameter value) {
        if (parameters.isEmpty()) {
            parameters = new LinkedHashMap<>();
        }
        parameters.put(name, value);
    }

    @Override
    public void send() {
        request.send(this, true);
    }

    @Override
    public void sendPartial() {
        request.send(this, false);
    }

    /** Returns when the first output was begun; 0 where there was none, or nobody asks. */
    long begunNanos() {
        return begunNanos;
    }

    /** Returns the bytes that the response occupies, with an allowance for its objects. */
    long occupiedBytes() {
        return occupiedBytes;
    }

    /** Says that the outputs have the shapes that clients see. */
    void isPresented() {
        isPresented = true;
    }

    SentResponse finish(OutputShapes shapes) {
        if (isFinished) {
            throw new IllegalStateException("a response may be sent only once");
        }
        showStates();
        // Where the outputs don't fit the configuration, the response stays unsent and is dropped with its request.
        List<Tensor> presented = isPresented ? outputs : shapes.present(outputs);
        isFinished = true;
        return new SentResponse(presented, parameters, this);
    }

    /** Copies the states that the client asked for: the next request of the sequence may change what the client still reads. */
    private void showStates() {
        for (int i = 0; i < states.size(); i++) {
            Tensor output = states.get(i).output();
            if (request.isOutputSent(output.name()) && outputs.stream().noneMatch(each -> each.name().equals(
                    output.name()))) {
                BufferPool.Buffer copy = request.pool().acquire(output.byteSize());
                buffers = plus(buffers, copy);
                outputs = plus(outputs, new Tensor(output.name(), output.dataType(), output.shape(),
                        copy.segment().copyFrom(output.data())));
            }
        }
    }

    /** Hands the states over. Those after one that can't be kept are dropped. */
    void storeStates(StateSink sink) {
        List<State> all = states;
        states = List.of();
        int stored = 0;
        try {
            for (State state : all) {
                stored++;
                sink.store(state.output(), state::drop);
            }
        } finally {
            all.subList(stored, all.size()).forEach(State::drop);
        }
    }

    /** Releases the memory of a response that is never sent. */
    void drop() {
        if (!isFinished) {
            isFinished = true;
            release();
        }
    }

    /** Releases the memory of a response that was finished and is not sent after all. */
    void discard() {
        release();
    }

    /** Releases the memory of the outputs of a response that was sent. */
    void close() {
        release();
        request.closed(occupiedBytes);
    }

    private void release() {
        // By index: this happens for each request, and most of the lists are empty.
        for (int i = 0; i < states.size(); i++) {
            states.get(i).drop();
        }
        states = List.of();
        for (int i = 0; i < buffers.size(); i++) {
            buffers.get(i).close();
        }
        for (int i = 0; i < releases.size(); i++) {
            run(releases.get(i));
        }
    }

    static void run(Runnable release) {
        try {
            release.run();
        } catch (Throwable e) {
            // A call into a plugin. The thread that makes it has other answers to deliver.
            LOGGER.log(Level.ERROR, "a backend failed to release the memory of an output", e);
        }
    }

    /** An output that the server keeps. */
    private record State(Tensor output, Runnable release) {
        private void drop() {
            run(release);
        }
    }
}
