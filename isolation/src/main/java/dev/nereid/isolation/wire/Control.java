package dev.nereid.isolation.wire;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.stats.MetricFamily;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/** What goes over the control connection of a worker process, in both directions. */
public final class Control {
    private Control() {
    }

    /** A frame. */
    public sealed interface Frame {
    }

    /**
     * Asks for something.
     *
     * @param id the answer has it, too
     * @param question what is asked
     */
    public record Ask(long id, Question question) implements Frame {
    }

    /**
     * Answers a question.
     *
     * @param id that of the question
     * @param reply the answer
     */
    public record Answer(long id, Reply reply) implements Frame {
    }

    /**
     * Tells something. Events are taken one after the other, in the order in which they were sent.
     *
     * @param event what is told
     */
    public record Tell(Event event) implements Frame {
    }

    /** What can be asked. */
    public sealed interface Question {
    }

    /**
     * Starts a backend for a seat; the answer is {@link Started}.
     *
     * @param seat the seat, whose model this backend will load
     * @param backend the backend's name
     * @param jar its jar, where it came with the model
     * @param model the model's name
     * @param labels what tells the model's metrics from others
     */
    public record StartBackend(int seat, String backend, Optional<String> jar, String model,
            Map<String, String> labels) implements Question {
    }

    /**
     * Loads a model; the answer is {@link Loaded}.
     *
     * @param seat where
     * @param name the model's name
     * @param version its version
     * @param modelDirectory its directory
     * @param versionDirectory the directory of its version
     * @param config its configuration
     * @param autoComplete whether the backend is to complete that
     */
    public record Load(int seat, String name, long version, String modelDirectory, String versionDirectory,
            ModelConfig config, boolean autoComplete) implements Question {
    }

    /** Asks whether the model of a seat has a batching strategy of its own; the answer is {@link Truth}. */
    public record HasStrategy(int seat) implements Question {
    }

    /** Asks how much memory the model of a seat uses; the answer is {@link Memory}. */
    public record UsedMemory(int seat) implements Question {
    }

    /** Asks whether an instance can serve; the answer is {@link Truth}. */
    public record IsReady(int instance) implements Question {
    }

    /** Asks for the metrics of all backends and models; the answer is {@link MetricValues}. */
    public record AllMetrics() implements Question {
    }

    /** Closes the model of a seat; the answer is {@link Ok}. */
    public record CloseModel(int seat) implements Question {
    }

    /** Ends a seat, whose backend is closed where it came with the model; one that has ended stays so. The answer is {@link Ok}. */
    public record EndSeat(int seat) implements Question {
    }

    /** Opens the connection of a lane; the answer is {@link Ok}. */
    public record OpenLane(int lane, String name) implements Question {
    }

    /** Closes all backends; the answer is {@link Ok}, and then the process ends. */
    public record Exit() implements Question {
    }

    /**
     * Asks, from the worker process, that a request be executed again; the answer is {@link Ok}.
     *
     * @param request its number
     * @param unsent responses that hold states and are not sent, where the execution has returned
     */
    public record ExecuteAgain(long request, List<ResponseData> unsent) implements Question {
    }

    /** The answers. */
    public sealed interface Reply {
    }

    /** It is done. */
    public record Ok() implements Reply {
    }

    /** It failed. */
    public record Failing(Failure failure) implements Reply {
    }

    /** Yes or no. */
    public record Truth(boolean value) implements Reply {
    }

    /** A backend has started. */
    public record Started(BackendAttributes attributes) implements Reply {
    }

    /** A model is loaded, and the backend may have completed its configuration. */
    public record Loaded(Optional<ModelConfig> completed) implements Reply {
    }

    /** Memory that is used. */
    public record Memory(List<MemoryUsage> usages) implements Reply {
    }

    /** Metrics as they are now. */
    public record MetricValues(List<MetricFamily> families) implements Reply {
    }

    /** What is told. */
    public sealed interface Event {
    }

    /** What happens to one request. From the worker process. */
    public sealed interface RequestEvent extends Event {
        /** Returns the request's number. */
        long request();
    }

    /** A request will be answered after its execution. */
    public record Later(long request) implements RequestEvent {
    }

    /** A response; there may be others. */
    public record Partial(long request, ResponseData response) implements RequestEvent {
    }

    /** The last response. */
    public record Last(long request, ResponseData response) implements RequestEvent {
    }

    /** A request has failed. */
    public record Fail(long request, Failure failure) implements RequestEvent {
    }

    /** A request of a decoupled model ends without a further response. */
    public record Complete(long request) implements RequestEvent {
    }

    /** The server has read outputs, or inputs of a call, at these places, whose memory may be used again. */
    public record ReleaseOutputs(List<Long> offsets) implements Event {
    }

    /** The worker process has done with the outputs of a call at these places, whose memory may be used again. */
    public record ReleaseResults(List<Long> offsets) implements Event {
    }

    /**
     * A model calls another. From the worker process.
     *
     * @param call never used before in this process
     * @param seat the model that calls
     * @param model the model to call
     * @param version its version
     * @param inputs the inputs
     * @param outputs the outputs that are wanted
     * @param parameters the parameters
     * @param callers the requests that it is for
     * @param sequence its sequence
     * @param isListening whether any number of answers is expected
     */
    public record Call(long call, int seat, String model, OptionalLong version, List<TensorData> inputs,
            Set<String> outputs, Map<String, Parameter> parameters, List<Long> callers, Optional<Step> sequence,
            boolean isListening) implements Event {
    }

    /** Where in a sequence a call is. */
    public record Step(CorrelationId id, boolean isStart, boolean isEnd) {
    }

    /** The listener of a call has taken an answer, and wants more or not. From the worker process. */
    public record CallTaken(long call, boolean goesOn) implements Event {
    }

    /** An answer to a call. From the server. */
    public record CallResult(long call, ResponseData response) implements Event {
    }

    /** A call has ended. From the server. */
    public record CallEnd(long call, Optional<Failure> failure) implements Event {
    }
}
