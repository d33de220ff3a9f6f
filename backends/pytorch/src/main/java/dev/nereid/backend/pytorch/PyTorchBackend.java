package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;

/** libtorch, loaded into this process. */
final class PyTorchBackend implements Backend {
    private final TorchEnvironment environment;

    private PyTorchBackend(TorchEnvironment environment) {
        this.environment = environment;
    }

    static PyTorchBackend create(BackendContext context, Gpus gpus) {
        TorchSettings settings = TorchSettings.parse(context.settings());
        NativeTorch torch = NativeTorch.load(settings);
        return new PyTorchBackend(new TorchEnvironment(torch, ThreadBudget.create(settings, torch), gpus,
                context.stagingMemory()));
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
        return PyTorchModel.create(context, environment);
    }
}
