package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.ModelConfig;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A loaded TorchScript file.
 *
 * <p>Each instance has a module of its own, unless the configuration asks for shared weights: then there is one for each
 * device, closed with the model. The module that was loaded to check the configuration becomes the first CPU instance's.
 * Instances are created and closed on threads of their own, so the modules are guarded by this object's monitor; loading
 * happens outside of it.
 */
final class PyTorchModel implements Model {
    private static final Logger LOG = System.getLogger(PyTorchModel.class.getName());

    private final NativeTorch torch;
    private final ThreadBudget budget;
    private final ModelConfig config;
    private final TorchParameters parameters;
    private final Path file;
    private final InputPlan inputs;
    private final OutputPlan outputs;
    private final Map<TorchDevice, TorchModule> shared = new HashMap<>();
    private @Nullable TorchModule spare;

    private PyTorchModel(NativeTorch torch, ThreadBudget budget, ModelConfig config, TorchParameters parameters,
            Path file, InputPlan inputs, OutputPlan outputs, TorchModule checked) {
        this.torch = torch;
        this.budget = budget;
        this.config = config;
        this.parameters = parameters;
        this.file = file;
        this.inputs = inputs;
        this.outputs = outputs;
        this.spare = checked;
    }

    static PyTorchModel create(ModelContext context, NativeTorch torch, ThreadBudget budget) {
        ModelConfig config = context.config();
        TorchParameters parameters = TorchParameters.parse(config.parameters());
        Path file = ModelFile.locate(context.name(), context.versionDirectory(), config.defaultModelFilename());
        ModelFile.check(context.name(), file);
        torch.apply(parameters);
        parameters.interOpThreads().ifPresent(count -> budget.requestInterOp(context.name(), count));
        TorchModule module = TorchModule.load(context.name(), file, new TorchDevice.Cpu(), parameters);
        try {
            ForwardSignature signature = module.signature();
            InputPlan inputs = InputPlan.of(config, signature);
            OutputPlan outputs = OutputPlan.of(config, signature, inputs);
            logNames(context, signature, inputs, outputs);
            return new PyTorchModel(torch, budget, config, parameters, file, inputs, outputs, module);
        } catch (RuntimeException | Error e) {
            module.close();
            throw e;
        }
    }

    private static void logNames(ModelContext context, ForwardSignature signature, InputPlan inputs,
            OutputPlan outputs) {
        boolean isGuess = inputs.names().rule() == TensorNames.Rule.CONFIG_ORDER;
        LOG.log(isGuess ? Level.WARNING : Level.INFO, () -> "model '" + context.name() + "' version "
                + context.version() + " has forward" + signature + "; inputs by " + inputs.names().rule() + " "
                + inputs.names().positions() + ", outputs by " + outputs.names().rule() + " "
                + outputs.names().positions()
                + (isGuess
                        ? "; the inputs' names are neither arguments of forward nor <name>__<index>, so they are taken"
                                + " in the order of the configuration"
                        : ""));
    }

    @Override
    public ModelInstance createInstance(InstanceContext context) {
        TorchDevice device = TorchDevice.of(context, torch);
        boolean isShared = parameters.weightSharing() && !(device instanceof TorchDevice.AsSaved);
        TorchModule module = module(device, isShared);
        try {
            return PyTorchInstance.create(context.name(), config, parameters, inputs, outputs, module, !isShared,
                    device, budget);
        } catch (RuntimeException | Error e) {
            if (!isShared) {
                module.close();
            }
            throw e;
        }
    }

    private TorchModule module(TorchDevice device, boolean isShared) {
        synchronized (this) {
            TorchModule known = isShared ? shared.get(device) : null;
            if (known != null) {
                return known;
            }
            if (device instanceof TorchDevice.Cpu && spare != null) {
                TorchModule first = spare;
                spare = null;
                if (isShared) {
                    shared.put(device, first);
                }
                return first;
            }
        }
        TorchModule loaded = TorchModule.load(config.name(), file, device, parameters);
        if (!isShared) {
            return loaded;
        }
        synchronized (this) {
            TorchModule first = shared.putIfAbsent(device, loaded);
            if (first == null) {
                return loaded;
            }
            loaded.close();
            return first;
        }
    }

    @Override
    public synchronized void close() {
        if (spare != null) {
            spare.close();
            spare = null;
        }
        shared.values().forEach(TorchModule::close);
        shared.clear();
        torch.trimHeap();
    }
}
