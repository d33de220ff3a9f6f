package dev.nereid.backend.nexttoken;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Asks a model for the next token until that is the end, or there are enough.
 *
 * @param models calls the model
 * @param model its name; it takes INPUT0, all tokens so far, and answers OUTPUT0, a score for each token there is
 * @param maxTokens how many tokens a request gets at most
 * @param endToken ends the text
 */
record TokenLoop(ModelCalls models, String model, int maxTokens, int endToken) {
    void answer(InferenceRequest request) {
        try {
            long[] tokens = request.input("TOKENS")
                    .orElseThrow(() -> InferenceException.invalid("request has no input 'TOKENS'")).data()
                    .toArray(ValueLayout.JAVA_LONG_UNALIGNED);
            for (int i = 0; i < maxTokens; i++) {
                long next = next(request, tokens);
                if (next == endToken) {
                    break;
                }
                InferenceResponse response = request.newResponse();
                response.copyOutput("TOKEN", DataType.INT64, Shape.of(1), MemorySegment.ofArray(new long[]{next}));
                response.sendPartial();
                tokens = Arrays.copyOf(tokens, tokens.length + 1);
                tokens[tokens.length - 1] = next;
            }
            request.complete();
        } catch (InferenceException e) {
            request.fail(e);
        }
    }

    private long next(InferenceRequest request, long[] tokens) {
        if (request.isCancelled()) {
            throw new InferenceException(StatusCode.CANCELLED, "the request was cancelled");
        }
        Tensor input = new Tensor("INPUT0", DataType.INT64, Shape.of(tokens.length), MemorySegment.ofArray(tokens));
        try (InferenceResult result = models.infer(ModelCall.of(model, input).onBehalfOf(request))) {
            Tensor scores = result.output("OUTPUT0").orElseThrow(() -> InferenceException
                    .internal("model '" + model + "' did not answer with output 'OUTPUT0'"));
            if (scores.dataType() != DataType.FP32 || scores.byteSize() == 0) {
                throw InferenceException.internal("output 'OUTPUT0' of model '" + model + "' is " + scores.dataType()
                        + scores.shape() + ", expected FP32 scores");
            }
            int best = 0;
            for (int i = 1; i < scores.byteSize() / Float.BYTES; i++) {
                best = score(scores, i) > score(scores, best) ? i : best;
            }
            return best;
        }
    }

    private static float score(Tensor scores, int token) {
        return scores.data().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, token);
    }
}
