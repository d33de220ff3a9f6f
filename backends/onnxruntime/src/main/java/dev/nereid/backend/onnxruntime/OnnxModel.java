package dev.nereid.backend.onnxruntime;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A loaded ONNX file.
 *
 * <p>All instances on one device share one session, which any number of threads may execute at once: a second instance
 * costs no second copy of the weights. The first session is made to read and check the configuration. Instances are
 * created and closed on any thread, so the sessions are guarded by this object's monitor.
 */
final class OnnxModel implements Model {
    private static final Logger LOGGER = System.getLogger(OnnxModel.class.getName());

    private final Loader loader;
    private final Optional<ModelConfig> completed;
    @GuardedBy("this")
    private final Map<OnnxDevice, OrtSession> sessions = new HashMap<>();

    private OnnxModel(Loader loader, Optional<ModelConfig> completed, OnnxDevice device, OrtSession session) {
        this.loader = loader;
        this.completed = completed;
        this.sessions.put(device, session);
    }

    static OnnxModel create(ModelContext context, OrtEnvironment environment, OnnxRuntimeSettings settings) {
        ModelConfig config = context.config();
        OnnxParameters parameters = OnnxParameters.parse(config);
        Path file = ModelFile.locate(context.name(), context.versionDirectory(), config.defaultModelFilename());
        ModelFile.check(context.name(), file);
        OnnxDevice device = firstDevice(config);
        Loader loader = new Loader(environment, settings, parameters, context.modelDirectory(), file,
                operators(config, context.modelDirectory()));
        OrtSession session = loader.load(config, device);
        try {
            Optional<ModelConfig> completed = context.autoComplete()
                    ? Optional.of(ConfigCompleter.complete(config, session, settings.defaultMaxBatchSize()))
                    : Optional.empty();
            ConfigChecker.check(completed.orElse(config), session);
            return new OnnxModel(loader, completed, device, session);
        } catch (RuntimeException | Error e) {
            session.close();
            throw e;
        }
    }

    /** Returns where the model is looked at: on the CPU if it runs there at all. */
    private static OnnxDevice firstDevice(ModelConfig config) {
        List<InstanceGroup> groups = config.instanceGroups();
        boolean isForGpus = !groups.isEmpty()
                && groups.stream().allMatch(group -> group.kind() == InstanceGroup.Kind.GPU);
        return isForGpus ? new OnnxDevice(groups.getFirst().gpus().stream().findFirst().orElse(0)) : OnnxDevice.CPU;
    }

    /** Returns the libraries of operators, which must lie in the model's directory: they are code. */
    private static List<Path> operators(ModelConfig config, Path modelDirectory) {
        List<Path> libraries = new ArrayList<>();
        for (String name : config.operationLibraries()) {
            Path library = modelDirectory.resolve(name).normalize();
            if (!library.startsWith(modelDirectory.normalize()) || !Files.isRegularFile(library)) {
                throw InferenceException.invalid("library of operations '" + name + "' of model '" + config.name()
                        + "' is not found in the model's directory");
            }
            libraries.add(library.toAbsolutePath());
        }
        return List.copyOf(libraries);
    }

    /** What is needed to load the model for one more device. */
    private record Loader(OrtEnvironment environment, OnnxRuntimeSettings settings, OnnxParameters parameters,
            Path modelDirectory, Path file, List<Path> operators) {
        OrtSession load(ModelConfig config, OnnxDevice device) {
            int threads = threads(config);
            try (SessionOptions options = SessionOptions.create(environment.api())) {
                options.apply(parameters, threads, environment.hasGlobalThreads());
                operators.forEach(options::addOperators);
                device.apply(config, environment, options);
                OrtSession session = OrtSession.load(environment, file, options);
                LOGGER.log(Level.INFO, () -> "model '" + config.name() + "' is loaded "
                        + (device.isCpu() ? "on the CPU" : "on GPU " + device.gpu()) + ", "
                        + (environment.hasGlobalThreads()
                                ? "with the threads of all models"
                                : threads == 1 ? "1 thread" : threads + " threads")
                        + "; inputs " + session.inputs()
                        + (session.initializers().isEmpty() ? "" : ", optional " + session.initializers())
                        + ", outputs " + session.outputs());
                return session;
            } catch (OrtException e) {
                LOGGER.log(Level.DEBUG, () -> "model '" + config.name() + "' can't be loaded: " + e.full());
                throw new InferenceException(StatusCode.INTERNAL, "failed to load model '" + config.name()
                        + "': onnx runtime error " + e.code() + ": " + OrtErrors.brief(e, modelDirectory), e);
            }
        }

        private int threads(ModelConfig config) {
            int instances = Math.max(1, config.instanceGroups().stream()
                    .filter(group -> group.kind() != InstanceGroup.Kind.GPU && !group.isPassive())
                    .mapToInt(InstanceGroup::count).sum());
            return ThreadCounts.together(ThreadCounts.each(parameters.intraOpThreads(), settings.cores(), instances),
                    instances);
        }
    }

    @Override
    public Optional<ModelConfig> completedConfig() {
        return completed;
    }

    @Override
    public ModelInstance createInstance(InstanceContext context) {
        return OnnxInstance.create(context.config(), loader.parameters(),
                session(context.config(), OnnxDevice.of(context.kind(), context.deviceId())));
    }

    private synchronized OrtSession session(ModelConfig config, OnnxDevice device) {
        return sessions.computeIfAbsent(device, wanted -> loader.load(config, wanted));
    }

    @Override
    public synchronized void close() {
        sessions.values().forEach(OrtSession::close);
        sessions.clear();
    }
}
