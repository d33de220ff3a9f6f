package dev.nereid.server.http;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.testkit.FakeBackend;

/**
 * The backend of these tests, packed into a plugin by {@link TestServer}. It copies, after what request parameters ask
 * for: {@code delay_ms}, {@code until_cancelled}, {@code fail}.
 */
public final class EchoBackendFactory implements BackendFactory {
    private static final String NAME = "echo";

    /** Called by the plugin loader. */
    public EchoBackendFactory() {
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return new FakeBackend(NAME).onExecute(EchoBackendFactory::execute).create(context);
    }

    private static void execute(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            if (request.parameters().get("delay_ms") instanceof Parameter.Int delay) {
                sleep(delay.value());
            }
            if (request.parameters().get("fail") instanceof Parameter.Text text) {
                throw InferenceException.unavailable(text.value());
            }
            while (request.parameters().containsKey("until_cancelled")) {
                if (request.isCancelled()) {
                    throw new InferenceException(StatusCode.CANCELLED, "given up");
                }
                sleep(5);
            }
        }
        FakeBackend.echo(batch);
    }

    private static void sleep(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
