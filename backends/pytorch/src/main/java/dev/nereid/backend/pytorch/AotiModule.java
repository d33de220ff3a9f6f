package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AOTIModelPackageLoader;
import org.bytedeco.pytorch.ExtraFilesMap;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.StringVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Type;

/** A package that AOTInductor has compiled for one kind of device. Several threads may run it, one after the other. */
final class AotiModule implements LoadedModule {
    private static final Logger LOGGER = System.getLogger(AotiModule.class.getName());

    /** The name that models have in their packages. */
    static final String NAME_IN_PACKAGE = "model";

    private static final String DEVICE_KEY = "AOTI_DEVICE_KEY";

    private final AOTIModelPackageLoader loader;
    private final ForwardSignature signature;

    private AotiModule(AOTIModelPackageLoader loader, ForwardSignature signature) {
        this.loader = loader;
        this.signature = signature;
    }

    /**
     * Loads a package that has passed {@link ModelFile#check}.
     *
     * @throws InferenceException INTERNAL with what libtorch says; INVALID_ARG when it is compiled for another device
     */
    static AotiModule load(String model, Path path, TorchDevice device) {
        try (PointerScope _ = new PointerScope(); InferenceMode _ = new InferenceMode(true)) {
            checkDevice(model, path, device);
            byte index = device instanceof TorchDevice.Gpu(int number) ? (byte) number : -1;
            AOTIModelPackageLoader loader = new AOTIModelPackageLoader(path.toString(), NAME_IN_PACKAGE, false, 1,
                    index);
            ForwardSignature signature = signature(loader.get_call_spec());
            loader.retainReference();
            return new AotiModule(loader, signature);
        } catch (InferenceException e) {
            throw e;
        } catch (RuntimeException e) {
            LOGGER.log(Level.WARNING, () -> "model '" + model + "' can't be loaded: " + TorchErrors.full(e));
            throw new InferenceException(StatusCode.INTERNAL,
                    "failed to load model '" + model + "': " + TorchErrors.brief(e), e);
        }
    }

    /** A package runs where it was compiled for, wherever its inputs are, so a wrong one must not start. */
    private static void checkDevice(String model, Path path, TorchDevice device) {
        ExtraFilesMap metadata = AOTIModelPackageLoader.load_metadata_from_package(path.toString(), NAME_IN_PACKAGE);
        BytePointer value = metadata.get(new BytePointer(DEVICE_KEY));
        String compiledFor = value == null ? "" : value.getString();
        String wanted = device instanceof TorchDevice.Gpu ? "cuda" : "cpu";
        if (!compiledFor.equals(wanted)) {
            throw InferenceException.invalid("unable to load model '" + model + "': its package was compiled for '"
                    + compiledFor + "', an instance " + (wanted.equals("cpu") ? "on the CPU" : "on a GPU")
                    + " needs one compiled for '" + wanted + "'");
        }
    }

    private static ForwardSignature signature(StringVector specification) {
        CallSpec inputs = CallSpec.parse(specification.get(0).getString());
        CallSpec outputs = CallSpec.parse(specification.get(1).getString());
        List<String> names = inputs.inputNames();
        List<String> results = outputs.resultNames();
        return new ForwardSignature(
                names.stream().map(name -> new ForwardSignature.Argument(name, ForwardSignature.Kind.TENSOR, "Tensor",
                        "Tensor")).toList(),
                results.toString(), results.size(), results);
    }

    @Override
    public ForwardSignature signature() {
        return signature;
    }

    /** Compiled code doesn't tell what it writes into. */
    @Override
    public boolean mayChangeArguments() {
        return true;
    }

    /** Its buffers can't be read. There is nothing to compile in the first runs, either. */
    @Override
    public boolean canBeTried() {
        return false;
    }

    @Override
    public List<IValue> run(IValueVector stack) {
        Tensor[] tensors = new Tensor[Math.toIntExact(stack.size())];
        for (int i = 0; i < tensors.length; i++) {
            tensors[i] = stack.get(i).toTensor();
        }
        TensorVector outputs = loader.run(new TensorVector(tensors));
        List<IValue> results = new ArrayList<>();
        for (long i = 0; i < outputs.size(); i++) {
            results.add(new IValue(outputs.get(i)));
        }
        // Each result is then held once, so that it can be handed on.
        outputs.clear();
        return results;
    }

    /** Packages take tensors only. */
    @Override
    public Type.TypePtr listElementType(int position) {
        throw new IllegalStateException("argument " + position + " is no list");
    }

    @Override
    public void close() {
        loader.releaseReference();
    }
}
