package dev.nereid.backend.imagepreprocess;

import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.MemorySegment;

/** Answers a request with the tensor of its pictures. Any thread may call it. */
interface Answerer {
    /** Sends the response to a request. The tensor is valid during the call. */
    void answer(InferenceRequest request, Shape shape, MemorySegment tensor);
}
