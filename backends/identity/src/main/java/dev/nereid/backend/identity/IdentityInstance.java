package dev.nereid.backend.identity;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** Answers each request of a batch by itself: nothing is gained by joining inputs that are only copied. */
final class IdentityInstance implements ModelInstance {
    private final String name;
    private final List<TensorPair> pairs;
    private final IdentitySettings settings;
    private long executions;

    IdentityInstance(String name, List<TensorPair> pairs, IdentitySettings settings) {
        this.name = name;
        this.pairs = pairs;
        this.settings = settings;
    }

    @Override
    public void execute(Batch batch) {
        batch.markComputeStart();
        executions++;
        Delay.of(settings.executeDelay(), () -> batch.requests().stream().allMatch(InferenceRequest::isCancelled));
        batch.markComputeEnd();
        if (settings.failEveryN() > 0 && executions % settings.failEveryN() == 0) {
            throw InferenceException
                    .internal("execution " + executions + " of instance '" + name + "' failed on purpose");
        }
        for (InferenceRequest request : batch.requests()) {
            try {
                answer(request);
            } catch (InferenceException e) {
                // Whatever is wrong with this request is no reason to fail the others.
                if (!request.isAnswered()) {
                    request.fail(e);
                }
            }
        }
    }

    private void answer(InferenceRequest request) {
        if (request.isCancelled()) {
            throw new InferenceException(StatusCode.CANCELLED, "request was cancelled");
        }
        Parameter failure = request.parameters().get("fail");
        if (failure != null) {
            throw InferenceException.unavailable(failure.toString());
        }
        InferenceResponse response = request.newResponse();
        for (TensorPair pair : pairs) {
            Optional<Tensor> input = request.input(pair.inputName());
            if (input.isPresent()) {
                if (request.isOutputRequested(pair.outputName())) {
                    copy(input.get(), pair.outputName(), response);
                }
            } else if (!pair.isOptional()) {
                throw InferenceException.unsupported("failed to get input '" + pair.inputName() + "'");
            } else if (request.isOutputRequested(pair.outputName())) {
                addZeros(pair, request.batchSize(), response);
            }
        }
        response.send();
    }

    /** Adds what stands for an input that the client left out; texts are empty, whose length is zero, too. */
    private static void addZeros(TensorPair pair, int batchSize, InferenceResponse response) {
        DataType dataType = pair.dataType().orElseThrow();
        Shape shape = pair.zeros(batchSize);
        int bytes = dataType.isFixedSize() ? dataType.byteSize() : Integer.BYTES;
        MemorySegment ignored = response
                .addOutput(pair.outputName(), dataType, shape, shape.elementCount() * bytes).fill((byte) 0);
    }

    private static void copy(Tensor input, String outputName, InferenceResponse response) {
        response.copyOutput(outputName, input.dataType(), input.shape(), input.data());
    }
}
