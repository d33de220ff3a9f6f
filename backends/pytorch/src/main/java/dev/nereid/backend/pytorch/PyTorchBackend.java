package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.InferenceException;

/** libtorch, loaded into this process. */
final class PyTorchBackend implements Backend {
    private final NativeTorch torch;
    private final ThreadBudget budget;

    private PyTorchBackend(NativeTorch torch, ThreadBudget budget) {
        this.torch = torch;
        this.budget = budget;
    }

    static PyTorchBackend create(BackendContext context) {
        TorchSettings settings = TorchSettings.parse(context.settings());
        NativeTorch torch = NativeTorch.load();
        return new PyTorchBackend(torch, ThreadBudget.create(settings, torch));
    }

    /**
     * Instances stay on a thread of their own: inference mode, OpenMP's team and its size, and the switch of the graph
     * executor all belong to the operating system's thread, and a virtual thread may change that one between two native
     * calls of the same execution.
     */
    @Override
    public BackendAttributes attributes() {
        return BackendAttributes.DEFAULT;
    }

    @Override
    public Model createModel(ModelContext context) {
        if (context.config().platform().equals("torch_aoti")) {
            throw new InferenceException(StatusCode.UNSUPPORTED, "platform 'torch_aoti' of model '" + context.name()
                    + "' is not supported, only 'pytorch_libtorch' (TorchScript)");
        }
        return PyTorchModel.create(context, torch, budget);
    }
}
