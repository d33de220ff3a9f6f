package dev.nereid.engine.model.caller;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pf4j.Extension;

/** Calls the model that the parameter {@code callee} names with its input and passes the answer on; without one, echoes. */
@Extension
public final class CallerBackendFactory implements BackendFactory {
    @Override
    public String name() {
        return "caller";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return model -> instance -> new Instance(model.config().parameters().getOrDefault("callee", ""),
                model.models());
    }

    private record Instance(String callee, ModelCalls models) implements ModelInstance {
        @Override
        public void execute(Batch batch) {
            for (InferenceRequest request : batch.requests()) {
                Tensor input = request.inputs().getFirst();
                InferenceResponse response = request.newResponse();
                if (callee.isEmpty()) {
                    response.copyOutput("OUTPUT0", input.dataType(), input.shape(), input.data());
                } else {
                    call(request, input, response);
                }
                response.send();
            }
        }

        private void call(InferenceRequest request, Tensor input, InferenceResponse response) {
            byte[] copy = input.data().toArray(ValueLayout.JAVA_BYTE);
            try (Arena arena = Arena.ofConfined()) {
                // Confined memory, which another thread may not read.
                MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_BYTE, copy);
                ModelCall call = ModelCall.of(callee, new Tensor("INPUT0", input.dataType(), input.shape(), data))
                        .onBehalfOf(request);
                if (request.correlationId().isPresent()) {
                    call = call.inSequence(request.correlationId(), request.isSequenceStart(), request.isSequenceEnd());
                }
                InferenceResult result = models.infer(call);
                Tensor output = result.output("OUTPUT0").orElseThrow();
                response.addOutput("OUTPUT0", output.dataType(), output.shape(), output.data(), result::close);
            }
        }
    }
}
