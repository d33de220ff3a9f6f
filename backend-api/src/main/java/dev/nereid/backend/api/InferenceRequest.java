package dev.nereid.backend.api;

import dev.nereid.backend.api.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A request to execute. Implemented by the server.
 *
 * <p>Input tensors are read-only and belong to the server; they are valid until the request is answered.
 */
public interface InferenceRequest {
    /** Returns the id that the client chose; empty when it chose none. */
    String id();

    /** Returns the sequence that the request belongs to, or {@link CorrelationId#NONE}. */
    CorrelationId correlationId();

    /** Returns whether the request starts a sequence. */
    boolean isSequenceStart();

    /** Returns whether the request ends a sequence. */
    boolean isSequenceEnd();

    /** Returns the client's timeout in microseconds; 0 means none. */
    long timeoutMicros();

    /** Returns the client's own parameters, without those that the protocol defines. */
    Map<String, Parameter> parameters();

    /**
     * Returns the inputs in the order of the model's configuration; optional ones may be missing. Shapes include the
     * batch dimension where the model batches.
     */
    List<Tensor> inputs();

    /** Returns the input of that name. */
    Optional<Tensor> input(String name);

    /** Returns the rows of this request: its first dimension where the model batches (0 is possible), else 1. */
    int batchSize();

    /** Returns whether the client asked for that output. Others need not be computed. */
    boolean isOutputRequested(String name);

    /** Returns whether the client has gone, so that work for it may be skipped. May turn true at any time. */
    boolean isCancelled();

    /**
     * Returns a new, empty response. Sending it answers the request. What was allocated in a response that is never
     * sent is released with the request.
     */
    InferenceResponse newResponse();

    /** Answers the request with an error. Like sending, it may happen only once. */
    void fail(InferenceException error);

    /** Ends a request of a decoupled model without a further response. */
    void complete();

    /**
     * Says that the request will be answered after {@code execute} has returned. From here on it may be answered from any
     * thread, by one at a time: with responses, a failure or, where the model is decoupled, {@link #complete()}. The instance
     * takes its next batch meanwhile; inputs stay valid, and the model stays loaded, until the request is answered. To be
     * called while {@code execute} runs; an exception that it throws does not answer the request any more.
     *
     * <p>Each request that is to be answered later must be: an unload waits for it. A backend looks at
     * {@link #isCancelled()} now and then and ends a request that nobody waits for.
     *
     * @throws IllegalStateException when the request is answered, or its execution has returned
     * @throws InferenceException UNSUPPORTED where the server can't do this
     */
    @Experimental(since = "1.1")
    default void answerLater() {
        throw InferenceException.unsupported("requests can't be answered later here");
    }

    /**
     * Asks for another round: instead of being answered, the request goes back to the queue once {@code execute} has returned,
     * at once where the request is answered later, and is executed again, with neither {@link #isSequenceStart()} nor
     * {@link #isSequenceEnd()}. For models with {@code iterative_sequence}. Until then a decoupled model may send it
     * responses that are not the last. States that were added to a response which is not sent are kept.
     *
     * @throws InferenceException INVALID_ARG where the model is not configured for it, or the sequence has ended meanwhile;
     *     the request is then still to be answered. UNSUPPORTED where the server can't do this
     * @throws IllegalStateException when the request is answered
     */
    @Experimental(since = "1.1")
    default void executeAgain() {
        throw InferenceException.unsupported("requests can't be executed again here");
    }

    /** Returns whether the request is answered: nothing further may be sent, and its inputs are no longer valid. */
    boolean isAnswered();
}
