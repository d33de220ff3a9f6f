package dev.nereid.isolation.wire;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What goes over a lane: a connection to one thread of the worker process, which creates, executes and closes the instances
 * of the lane. The server sends a {@link ToWorker} and waits for its {@link ToServer}.
 */
public final class Lane {
    private Lane() {
    }

    /** From the server. */
    public sealed interface ToWorker {
    }

    /**
     * Creates an instance.
     *
     * @param seat the model
     * @param instance the instance's number, never used before in this process
     * @param name its name
     * @param kind where it executes
     * @param deviceId its device
     * @param group its group
     * @param config the model's final configuration
     * @param modelFilename the model's file
     */
    public record Create(int seat, int instance, String name, InstanceGroup.Kind kind, int deviceId,
            InstanceGroup group, ModelConfig config, String modelFilename) implements ToWorker {
    }

    /**
     * Executes a batch.
     *
     * @param instance on which instance
     * @param requests the requests, in the order of their rows
     */
    public record Execute(int instance, List<RequestData> requests) implements ToWorker {
    }

    /**
     * Closes an instance.
     *
     * @param instance which
     */
    public record Close(int instance) implements ToWorker {
    }

    /** From the worker process. */
    public sealed interface ToServer {
    }

    /**
     * What was asked for is done, or not.
     *
     * @param failure why not
     */
    public record Done(Optional<Failure> failure) implements ToServer {
    }

    /**
     * A batch was executed.
     *
     * @param outcomes what came of each request
     * @param failure why the execution failed, which is the answer to requests without one
     */
    public record Executed(List<Outcome> outcomes, Optional<Failure> failure) implements ToServer {
    }

    /**
     * A request.
     *
     * @param number never used before in this process
     * @param flag the byte in shared memory that says whether the request is cancelled
     * @param id the client's
     * @param correlationId its sequence
     * @param isSequenceStart whether it starts the sequence
     * @param isSequenceEnd whether it ends the sequence
     * @param timeoutMicros the client's timeout
     * @param parameters the client's parameters
     * @param inputs the inputs
     * @param batchSize its rows
     * @param outputs those of the model's outputs and states that are wanted
     */
    public record RequestData(long number, int flag, String id, CorrelationId correlationId, boolean isSequenceStart,
            boolean isSequenceEnd, long timeoutMicros, Map<String, Parameter> parameters, List<TensorData> inputs,
            int batchSize, List<String> outputs) {
    }

    /** What came of a request when its execution returned. */
    public sealed interface Outcome {
    }

    /**
     * It has its answer.
     *
     * @param response the answer
     */
    public record Answered(ResponseData response) implements Outcome {
    }

    /**
     * It has failed.
     *
     * @param failure why
     */
    public record Failed(Failure failure) implements Outcome {
    }

    /** It has no answer. */
    public record Unanswered() implements Outcome {
    }

    /**
     * It is, or will be, answered over the control connection.
     *
     * @param events how many events of this request have been sent there already
     * @param unsent responses that hold states and are not sent, of a request that is executed again
     */
    public record Elsewhere(long events, List<ResponseData> unsent) implements Outcome {
    }
}
