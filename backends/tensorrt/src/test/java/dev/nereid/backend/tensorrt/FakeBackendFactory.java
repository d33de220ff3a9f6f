package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import org.pf4j.Extension;

/** The backend on a fake of TensorRT. */
@Extension
public final class FakeBackendFactory implements BackendFactory {
    private final FakeTensorRt trt;

    /** Creates a factory whose engines add. */
    public FakeBackendFactory() {
        this(new FakeTensorRt(Plans.addition(), Plans::add));
    }

    FakeBackendFactory(FakeTensorRt trt) {
        this.trt = trt;
    }

    @Override
    public String name() {
        return "tensorrt";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return new TensorRtBackend(TrtSettings.parse(context.settings()), trt, context.stagingMemory());
    }
}
