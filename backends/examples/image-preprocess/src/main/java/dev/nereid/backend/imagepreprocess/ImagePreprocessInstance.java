package dev.nereid.backend.imagepreprocess;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.BytesElements;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Answers each request of a batch by itself: decoding gains nothing from a batch, and fails for one picture at a time. */
final class ImagePreprocessInstance implements ModelInstance {
    private static final long MAX_ELEMENTS = 1 << 29;

    private final ImageSettings settings;
    private final boolean batching;
    private final Answerer answerer;
    private final PictureDecoder decoder;
    private final PictureTensor tensors;
    /** Kept from request to request; grows to the largest. */
    private float[] scratch = new float[0];

    ImagePreprocessInstance(ImageSettings settings, boolean batching, Answerer answerer) {
        this.settings = settings;
        this.batching = batching;
        this.answerer = answerer;
        this.decoder = new PictureDecoder(settings);
        this.tensors = new PictureTensor(settings);
    }

    @Override
    public void execute(Batch batch) {
        batch.markComputeStart();
        for (InferenceRequest request : batch.requests()) {
            try {
                answer(request);
            } catch (InferenceException e) {
                // A picture that is wrong is no reason to fail the other requests.
                if (!request.isAnswered()) {
                    request.fail(e);
                }
            }
        }
        batch.markComputeEnd();
    }

    private void answer(InferenceRequest request) {
        Tensor input = request.input(ImagePreprocessBackend.INPUT).orElseThrow(
                () -> InferenceException.invalid("request has no input '" + ImagePreprocessBackend.INPUT + "'"));
        List<MemorySegment> pictures = BytesElements.slices(input.data());
        long all = (long) settings.elements() * pictures.size();
        if (all > MAX_ELEMENTS) {
            throw InferenceException.invalid("the tensor of " + pictures.size() + " pictures would have " + all
                    + " numbers, expected at most " + MAX_ELEMENTS);
        }
        int elements = (int) all;
        if (scratch.length < elements) {
            scratch = new float[elements];
        }
        for (int i = 0; i < pictures.size(); i++) {
            if (request.isCancelled()) {
                throw new InferenceException(StatusCode.CANCELLED, "request was cancelled");
            }
            tensors.write(decoder.decode(pictures.get(i)), scratch, i * settings.elements());
        }
        Shape one = Shape.of(ImageSettings.CHANNELS, settings.height(), settings.width());
        MemorySegment tensor = MemorySegment.ofArray(scratch).asSlice(0, (long) elements * Float.BYTES);
        answerer.answer(request, batching ? one.prepend(pictures.size()) : one, tensor);
    }
}
