package dev.nereid.backend.texttagger;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.BytesElements;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Answers each request of a batch by itself: texts gain nothing from being joined. */
final class TextTaggerInstance implements ModelInstance {
    private final Tagger tagger;
    private final Set<String> outputs;

    TextTaggerInstance(Tagger tagger, Set<String> outputs) {
        this.tagger = tagger;
        this.outputs = outputs;
    }

    @Override
    public void execute(Batch batch) {
        batch.markComputeStart();
        for (InferenceRequest request : batch.requests()) {
            try {
                answer(request);
            } catch (InferenceException e) {
                // A text that is wrong is no reason to fail the other requests.
                if (!request.isAnswered()) {
                    request.fail(e);
                }
            }
        }
        batch.markComputeEnd();
    }

    private void answer(InferenceRequest request) {
        Tensor input = request.input(TextTaggerBackend.INPUT).orElseThrow(
                () -> InferenceException.invalid("request has no input '" + TextTaggerBackend.INPUT + "'"));
        boolean wantsTags = wants(request, TextTaggerBackend.TAGS);
        boolean wantsMasked = wants(request, TextTaggerBackend.MASKED);
        List<byte[]> tags = new ArrayList<>();
        List<byte[]> masked = new ArrayList<>();
        for (MemorySegment element : BytesElements.slices(input.data())) {
            if (request.isCancelled()) {
                throw new InferenceException(StatusCode.CANCELLED, "request was cancelled");
            }
            String text = tagger.decode(element);
            List<Span> spans = tagger.tag(text);
            if (wantsTags) {
                tags.add(Tagger.json(text, spans).getBytes(StandardCharsets.UTF_8));
            }
            if (wantsMasked) {
                masked.add(Tagger.mask(text, spans).getBytes(StandardCharsets.UTF_8));
            }
        }
        InferenceResponse response = request.newResponse();
        if (wantsTags) {
            addTexts(response, TextTaggerBackend.TAGS, input.shape(), tags);
        }
        if (wantsMasked) {
            addTexts(response, TextTaggerBackend.MASKED, input.shape(), masked);
        }
        response.send();
    }

    private boolean wants(InferenceRequest request, String output) {
        return outputs.contains(output) && request.isOutputRequested(output);
    }

    private static void addTexts(InferenceResponse response, String name, Shape shape, List<byte[]> texts) {
        BytesElements.write(texts, response.addOutput(name, DataType.BYTES, shape, BytesElements.byteSize(texts)));
    }
}
