package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.BytesElements;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A response inside the test engine. */
final class EngineResponse implements InferenceResponse {
    /** What output memory holds until it is written: so a backend that forgets to write is seen. */
    private static final byte UNWRITTEN = (byte) 0xA5;

    private final EngineRequest request;
    private final Arena arena;
    private final Map<String, Tensor> outputs = new LinkedHashMap<>();
    private final Map<String, Parameter> parameters = new LinkedHashMap<>();
    private final List<Runnable> releases = new ArrayList<>();
    private boolean isSent;

    @SuppressWarnings("MustBeClosedChecker") // release() closes it
    EngineResponse(EngineRequest request) {
        this.request = request;
        this.arena = Arena.ofShared();
    }

    @Override
    public MemorySegment addOutput(String name, DataType dataType, Shape shape, long byteSize) {
        checkOpen();
        MemorySegment data = arena.allocate(Math.max(1, byteSize), 64).asSlice(0, byteSize).fill(UNWRITTEN);
        add(new Tensor(name, dataType, shape, data));
        return data;
    }

    @Override
    public void addOutput(String name, DataType dataType, Shape shape, MemorySegment data, Runnable release) {
        checkOpen();
        add(new Tensor(name, dataType, shape, data));
        releases.add(release);
    }

    private void add(Tensor output) {
        if (outputs.containsKey(output.name())) {
            throw InferenceException.invalid("output '" + output.name() + "' already exists in response");
        }
        outputs.put(output.name(), output);
    }

    @Override
    public void setParameter(String name, Parameter value) {
        checkOpen();
        parameters.put(name, value);
    }

    @Override
    public void send() {
        checkOpen();
        request.send(this, true);
        isSent = true;
    }

    @Override
    public void sendPartial() {
        checkOpen();
        if (!request.config().isDecoupled()) {
            throw InferenceException.unsupported("more than one response to " + request.label() + " of model '"
                    + request.config().name() + "', which is not decoupled");
        }
        request.send(this, false);
        isSent = true;
    }

    private void checkOpen() {
        if (isSent) {
            throw request.violations().refuse("a response to " + request.label() + " was used after it was sent");
        }
        if (request.isAnswered()) {
            throw request.violations().refuse(request.label() + " was answered twice");
        }
    }

    TestResult.Response read() {
        List<TestTensor> copies = new ArrayList<>();
        for (Tensor output : outputs.values()) {
            if (!request.isOutputRequested(output.name())) {
                continue;
            }
            try {
                copies.add(TestTensor.of(output.name(), output.dataType(), output.shape(),
                        output.data().toArray(ValueLayout.JAVA_BYTE)));
                if (output.dataType() == DataType.BYTES) {
                    checkElements(output);
                }
            } catch (IllegalStateException | WrongThreadException e) {
                request.violations().add("output '" + output.name() + "' of " + request.label()
                        + " can't be read once execute has returned: " + e.getMessage());
            }
        }
        return new TestResult.Response(copies, parameters);
    }

    private void checkElements(Tensor output) {
        try {
            int elements = BytesElements.slices(output.data()).size();
            if (elements != output.shape().elementCount()) {
                request.violations().add("output '" + output.name() + "' has " + elements + " elements, but its shape "
                        + output.shape() + " has " + output.shape().elementCount());
            }
        } catch (InferenceException e) {
            request.violations().add("output '" + output.name() + "': " + e.getMessage());
        }
    }

    void release() {
        for (Runnable release : releases) {
            try {
                release.run();
            } catch (RuntimeException e) {
                request.violations().add("releasing an output of " + request.label() + " threw " + e);
            }
        }
        releases.clear();
        arena.close();
    }
}
