package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.Placement;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Argument;
import org.bytedeco.pytorch.FunctionSchema;
import org.bytedeco.pytorch.HashIdentityIValueMap;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Method;
import org.bytedeco.pytorch.MethodOptional;
import org.bytedeco.pytorch.NamedIValue;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TupleElements;
import org.bytedeco.pytorch.Type;
import org.bytedeco.pytorch.buffer_iterator;
import org.bytedeco.pytorch.buffer_list;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.MemoryFormat;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.module_iterator;
import org.bytedeco.pytorch.module_list;
import org.bytedeco.pytorch.named_attribute_iterator;
import org.bytedeco.pytorch.named_attribute_list;
import org.bytedeco.pytorch.named_parameter_iterator;
import org.bytedeco.pytorch.named_parameter_list;
import org.bytedeco.pytorch.parameter_iterator;
import org.bytedeco.pytorch.parameter_list;

/** A TorchScript module on one device. Several threads may run it at once; it is closed once, on any thread. */
final class TorchModule implements LoadedModule {
    private static final Logger LOGGER = System.getLogger(TorchModule.class.getName());
    private static final int DIMENSIONS_OF_IMAGES = 4;
    /** In the graph, also calls of what was not inlined. */
    private static final Pattern BRANCHES = Pattern.compile("\\bprim::(?:If|Loop|CallMethod|CallFunction)\\b");
    private static final Pattern LAYOUT = Pattern
            .compile("\\baten::(?:view|as_strided|stride|is_contiguous)\\(|\\bprim::Call(?:Method|Function)\\b");

    private final JitModule module;
    private final Method forward;
    private final List<MemoryUsage> memoryUsage;
    private final ScriptEffects effects;
    private final boolean hasChannels;
    private final boolean isBf16;
    /** Whether whatever the inputs become fits the arguments, so that libtorch need not check that each time. */
    private final boolean takesWhatIsGiven;

    private TorchModule(JitModule module, Method forward, List<MemoryUsage> memoryUsage, ScriptEffects effects,
            boolean hasChannels, boolean isBf16) {
        this.module = module;
        this.forward = forward;
        this.memoryUsage = memoryUsage;
        this.effects = effects;
        this.hasChannels = hasChannels;
        this.isBf16 = isBf16;
        this.takesWhatIsGiven = signature().arguments().stream().allMatch(TorchModule::isAlwaysRight);
    }

    private static boolean isAlwaysRight(ForwardSignature.Argument argument) {
        return switch (argument.kind()) {
            case TENSOR, OPTIONAL_TENSOR, TENSOR_DICTIONARY -> true;
            case LIST -> argument.annotation().equals(InputPlan.STRINGS);
            case OTHER, OTHER_DICTIONARY -> false;
        };
    }

    /**
     * Loads a file that has passed {@link ModelFile#check}.
     *
     * @throws InferenceException INTERNAL with what libtorch says
     */
    static TorchModule load(String model, Path path, TorchDevice device, Gpus gpus, TorchParameters parameters) {
        try (PointerScope _ = new PointerScope();
                InferenceMode _ = new InferenceMode(parameters.inferenceMode());
                NoGradGuard _ = new NoGradGuard()) {
            JitModule module = torch.load(path.toString(), device.loadTarget(gpus), true);
            module.eval();
            boolean hasChannels = hasChannels(module);
            if (parameters.bf16()) {
                convert(module);
            }
            if (parameters.channelsLast()) {
                layOutChannelsLast(module);
            }
            // Freezing makes parameters part of the code.
            List<MemoryUsage> memoryUsage = memoryUsage(module);
            if (parameters.freezing() || parameters.optimizeForInference()) {
                module = torch.freeze(module);
            }
            if (parameters.optimizeForInference()) {
                module = torch.optimize_for_inference(module);
            }
            TorchModule loaded = of(model, module, memoryUsage, ScriptEffects.of(path), hasChannels, parameters.bf16());
            if (parameters.bf16()) {
                loaded.checkTakesTensors(model);
            }
            return loaded;
        } catch (IOException e) {
            throw InferenceException.internal("failed to load model '" + model + "': its file can't be read any more");
        } catch (RuntimeException e) {
            if (e instanceof InferenceException) {
                throw e;
            }
            LOGGER.log(Level.WARNING, () -> "model '" + model + "' can't be loaded: " + TorchErrors.full(e));
            throw new InferenceException(StatusCode.INTERNAL,
                    "failed to load model '" + model + "': " + TorchErrors.brief(e), e);
        }
    }

    /** Makes a module from source code, for what the bindings can't do by themselves. */
    static TorchModule compile(String source) {
        try (PointerScope _ = new PointerScope()) {
            JitModule module = new JitModule(new org.bytedeco.pytorch.QualifiedName("__torch__.Helper"));
            module.define(source);
            return of("helper", module, List.of(), ScriptEffects.NONE, false, false);
        }
    }

    private static TorchModule of(String model, JitModule module, List<MemoryUsage> memoryUsage,
            ScriptEffects effects, boolean hasChannels, boolean isBf16) {
        try (PointerScope _ = new PointerScope()) {
            MethodOptional forward = module.find_method("forward");
            if (!forward.has_value()) {
                throw InferenceException.internal("failed to load model '" + model + "': it has no method 'forward'");
            }
            Method method = module.get_method("forward");
            module.retainReference();
            method.retainReference();
            return new TorchModule(module, method, memoryUsage, effects, hasChannels, isBf16);
        }
    }

    private static List<MemoryUsage> memoryUsage(JitModule module) {
        Map<Placement, Long> sums = new HashMap<>();
        Set<Long> seen = new HashSet<>();
        parameter_list parameters = module.parameters();
        parameter_iterator parameter = parameters.begin();
        for (parameter_iterator end = parameters.end(); parameter.notEquals(end); parameter.increment()) {
            add(parameter.multiply(), seen, sums);
        }
        buffer_list buffers = module.buffers();
        buffer_iterator buffer = buffers.begin();
        for (buffer_iterator end = buffers.end(); buffer.notEquals(end); buffer.increment()) {
            add(buffer.multiply(), seen, sums);
        }
        return sums.entrySet().stream().map(each -> new MemoryUsage(each.getKey(), each.getValue())).toList();
    }

    /** Adds a tensor, unless another one has the same memory. */
    private static void add(Tensor tensor, Set<Long> seen, Map<Placement, Long> sums) {
        if (tensor.defined() && tensor.nbytes() > 0 && seen.add(tensor.data_ptr().address())) {
            Placement placement = tensor.is_cuda()
                    ? new Placement(Placement.Kind.GPU, Math.max(0, tensor.device().index()))
                    : Placement.CPU;
            sums.merge(placement, tensor.nbytes(), Long::sum);
        }
    }

    private static boolean hasChannels(JitModule module) {
        parameter_list parameters = module.parameters();
        parameter_iterator each = parameters.begin();
        for (parameter_iterator end = parameters.end(); each.notEquals(end); each.increment()) {
            if (each.multiply().dim() == DIMENSIONS_OF_IMAGES) {
                return true;
            }
        }
        return false;
    }

    /** What comes in lists and dictionaries would stay FP32. */
    private void checkTakesTensors(String model) {
        for (ForwardSignature.Argument argument : signature().arguments()) {
            if (argument.kind() != ForwardSignature.Kind.TENSOR
                    && argument.kind() != ForwardSignature.Kind.OPTIONAL_TENSOR) {
                close();
                throw InferenceException.invalid("model '" + model + "' has ENABLE_BF16, which is for models that take "
                        + "tensors, but its argument '" + argument.name() + "' is " + argument.annotation()
                        + "; convert in the model itself");
            }
        }
    }

    /** As {@code module.to(memory_format=torch.channels_last)}: a convolution answers in the layout of its weights. */
    private static void layOutChannelsLast(JitModule module) {
        replace(module, tensor -> tensor.dim() == DIMENSIONS_OF_IMAGES
                ? tensor.contiguous(MemoryFormat.ChannelsLast)
                : tensor);
    }

    /** As {@code module.bfloat16()}; what is no FP32 stays as it is. */
    private static void convert(JitModule module) {
        replace(module, tensor -> to(tensor, ScalarType.Float, ScalarType.BFloat16));
    }

    private static Tensor to(Tensor tensor, ScalarType from, ScalarType to) {
        return tensor.scalar_type().value == from.value ? tensor.to(to) : tensor;
    }

    /** Gives parameters and buffers other memory; whoever shares one of them, such as a list of them, shares it on. */
    private static void replace(JitModule module, UnaryOperator<Tensor> replacement) {
        parameter_list parameters = module.parameters();
        parameter_iterator parameter = parameters.begin();
        for (parameter_iterator end = parameters.end(); parameter.notEquals(end); parameter.increment()) {
            replace(parameter::multiply, replacement);
        }
        buffer_list buffers = module.buffers();
        buffer_iterator buffer = buffers.begin();
        for (buffer_iterator end = buffers.end(); buffer.notEquals(end); buffer.increment()) {
            replace(buffer::multiply, replacement);
        }
    }

    /** Gives the old memory back at once. */
    private static void replace(Supplier<Tensor> tensor, UnaryOperator<Tensor> replacement) {
        try (PointerScope _ = new PointerScope()) {
            Tensor old = tensor.get();
            old.set_data(replacement.apply(old));
        }
    }

    @Override
    public boolean hasChannels() {
        return hasChannels;
    }

    /**
     * {@inheritDoc} A view of what has another layout than it expects fails, which a trial notices unless the view is in a branch
     * that the trial does not take.
     */
    @Override
    public boolean mayLookAtLayout() {
        String graph = graph();
        return BRANCHES.matcher(graph).find() && LAYOUT.matcher(graph).find();
    }

    @Override
    public List<MemoryUsage> memoryUsage() {
        return memoryUsage;
    }

    @Override
    public boolean mayChangeArguments() {
        return effects.changesTensors();
    }

    @Override
    public boolean startsTasks() {
        return effects.startsTasks();
    }

    /** {@inheritDoc} What is kept between executions would have to stay what it is; tasks have threads of their own. */
    @Override
    public boolean canBeOptimized() {
        return !effects.setsState() && !effects.startsTasks();
    }

    /**
     * {@inheritDoc}
     *
     * <p>Parameters are passed over: a model that is served does not learn, and they are most of its memory.
     */
    @Override
    public SavedState saveState() {
        List<Attribute> saved = new ArrayList<>();
        if (effects.changesState()) {
            try (PointerScope _ = new PointerScope()) {
                // Tensors that share memory go on doing so.
                HashIdentityIValueMap copies = new HashIdentityIValueMap();
                module_list modules = module.modules();
                module_iterator each = modules.begin();
                for (module_iterator end = modules.end(); each.notEquals(end); each.increment()) {
                    addAttributes(each.multiply(), copies, saved);
                }
            } catch (RuntimeException | Error e) {
                saved.forEach(Attribute::close);
                throw e;
            }
        }
        return () -> {
            saved.forEach(Attribute::restore);
            saved.forEach(Attribute::close);
        };
    }

    private static void addAttributes(JitModule owner, HashIdentityIValueMap copies, List<Attribute> saved) {
        Set<String> passedOver = new HashSet<>();
        named_parameter_list parameters = owner.named_parameters(false);
        named_parameter_iterator parameter = parameters.begin();
        for (named_parameter_iterator end = parameters.end(); parameter.notEquals(end); parameter.increment()) {
            passedOver.add(parameter.multiply().name().getString());
        }
        named_attribute_list attributes = owner.named_attributes(false);
        named_attribute_iterator attribute = attributes.begin();
        for (named_attribute_iterator end = attributes.end(); attribute.notEquals(end); attribute.increment()) {
            NamedIValue named = attribute.multiply();
            String name = named.name().getString();
            // Objects are modules, which are visited themselves, or belong to a library.
            if (!named.value().isObject() && !passedOver.contains(name)) {
                JitModule kept = new JitModule(owner);
                IValue copy = named.value().deepcopy(copies);
                kept.retainReference();
                copy.retainReference();
                saved.add(new Attribute(kept, name, copy));
            }
        }
    }

    /** An attribute of a module as it was. */
    private record Attribute(JitModule owner, String name, IValue value) {
        void restore() {
            owner.setattr(name, value);
        }

        void close() {
            value.releaseReference();
            owner.releaseReference();
        }
    }

    /** Returns what {@code forward} executes, in libtorch's notation: shows what loading has made of the file. */
    String graph() {
        try (PointerScope _ = new PointerScope()) {
            return forward.graph().toString();
        }
    }

    /** Runs {@code forward}. The caller's scope owns the result. */
    IValue forward(IValueVector arguments) {
        return forward.apply(arguments);
    }

    /**
     * {@inheritDoc}
     *
     * @throws InferenceException INTERNAL when the result is nothing that can be sent
     */
    @Override
    public List<IValue> run(IValueVector stack) {
        if (isBf16) {
            return runAsBf16(stack);
        }
        if (!takesWhatIsGiven) {
            return results(forward(stack));
        }
        forward.run(stack);
        return results(stack.get(0));
    }

    /** Clients send and get FP32. */
    private List<IValue> runAsBf16(IValueVector stack) {
        for (long i = 0; i < stack.size(); i++) {
            IValue argument = stack.get(i);
            if (argument.isTensor()) {
                stack.put(i, new IValue(to(argument.toTensor(), ScalarType.Float, ScalarType.BFloat16)));
            }
        }
        List<IValue> results = new ArrayList<>();
        for (IValue result : results(forward(stack))) {
            results.add(result.isTensor()
                    ? new IValue(to(result.toTensor(), ScalarType.BFloat16, ScalarType.Float))
                    : result);
        }
        return results;
    }

    private static List<IValue> results(IValue result) {
        if (result.isTensor() || OutputWriter.isStrings(result)) {
            return List.of(result);
        }
        if (result.isTuple()) {
            TupleElements elements = result.toTupleRef().elements();
            List<IValue> results = new ArrayList<>();
            for (long i = 0; i < elements.size(); i++) {
                results.add(elements.get(i));
            }
            return results;
        }
        throw InferenceException.internal("PyTorch execute failure: output must be of type Tensor, List[str] or Tuple"
                + " containing one of these two types. It should not be a List / Dictionary of Tensors or a Scalar");
    }

    @Override
    public Type.TypePtr listElementType(int position) {
        try (PointerScope _ = new PointerScope()) {
            Type.TypePtr type = argument(position).type().get().containedType(0);
            type.retainReference();
            return type;
        }
    }

    private Argument argument(int position) {
        // The first one is self.
        return forward.function().getSchema().arguments().getPointer(position + 1L);
    }

    @Override
    public ForwardSignature signature() {
        try (PointerScope _ = new PointerScope()) {
            List<ForwardSignature.Argument> arguments = new ArrayList<>();
            for (int i = 0; i < forward.num_inputs() - 1; i++) {
                Argument argument = argument(i);
                Type type = argument.type().get();
                arguments.add(new ForwardSignature.Argument(argument.name().getString(), kind(type),
                        type.str().getString(), type.annotation_str().getString()));
            }
            FunctionSchema schema = forward.function().getSchema();
            Type returned = schema.returns().type().get();
            boolean isTuple = returned.kind().intern() == torch.TypeKind.TupleType;
            return new ForwardSignature(arguments, returned.annotation_str().getString(),
                    isTuple ? Math.toIntExact(returned.containedTypeSize()) : 1, List.of());
        }
    }

    private static ForwardSignature.Kind kind(Type type) {
        return switch (type.kind().intern()) {
            case TensorType -> ForwardSignature.Kind.TENSOR;
            case OptionalType -> isKind(type.containedType(0), torch.TypeKind.TensorType)
                    ? ForwardSignature.Kind.OPTIONAL_TENSOR
                    : ForwardSignature.Kind.OTHER;
            case ListType -> ForwardSignature.Kind.LIST;
            case DictType -> isKind(type.containedType(0), torch.TypeKind.StringType)
                    && isKind(type.containedType(1), torch.TypeKind.TensorType)
                            ? ForwardSignature.Kind.TENSOR_DICTIONARY
                            : ForwardSignature.Kind.OTHER_DICTIONARY;
            default -> ForwardSignature.Kind.OTHER;
        };
    }

    private static boolean isKind(Type.TypePtr type, torch.TypeKind kind) {
        return type.get().kind().intern() == kind;
    }

    @Override
    public void close() {
        forward.releaseReference();
        module.releaseReference();
    }
}
