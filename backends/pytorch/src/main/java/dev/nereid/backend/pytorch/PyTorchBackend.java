package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.config.InstanceGroup;
import java.util.List;

/** libtorch, loaded into this process. */
final class PyTorchBackend implements Backend {
    private final TorchEnvironment environment;

    private PyTorchBackend(TorchEnvironment environment) {
        this.environment = environment;
    }

    static PyTorchBackend create(BackendContext context, Gpus gpus) {
        return new PyTorchBackend(TorchEnvironment.create(context, gpus));
    }

    /**
     * Instances stay on a thread of their own: inference mode, OpenMP's team and its size, and the switch of the graph
     * executor all belong to the operating system's thread, and a virtual thread may change that one between two native
     * calls of the same execution.
     */
    @Override
    public BackendAttributes attributes() {
        boolean hasGpu = environment.gpus().obstacle(0).isEmpty();
        // On a machine with GPUs, KIND_AUTO would otherwise mean them although libtorch can't use any.
        return hasGpu
                ? BackendAttributes.DEFAULT
                : BackendAttributes.DEFAULT.withPreferredInstanceGroups(
                        List.of(new InstanceGroup("", InstanceGroup.Kind.CPU, 1)));
    }

    @Override
    public Model createModel(ModelContext context) {
        return PyTorchModel.create(context, environment);
    }
}
