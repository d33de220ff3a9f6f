package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.plugin.PluginCalls;
import dev.nereid.engine.request.ModelIo;
import dev.nereid.engine.request.RequestValidator;
import dev.nereid.engine.schedule.Scheduler;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.repository.config.ModelIds;
import dev.nereid.repository.config.proto.ConfigProto;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A loaded model version and everything that a request to it needs. Threads: any. */
public final class ServedVersion {
    private final String id;
    private final long version;
    private final String versionText;
    private final VersionConfig forms;
    private final ModelConfig config;
    /** Null for an ensemble, which has neither a backend nor instances. */
    private final @Nullable InstanceSet instances;
    private final Scheduler scheduler;
    private final Supplier<String> identity;
    private final Usage usage;
    private final ModelStatistics statistics;
    private final Map<String, List<String>> labels;
    private final ModelIo io;
    private final Set<String> allOutputs;
    private final boolean isPassive;
    private final Duration loadTime;
    private final long maxWaitingBytes;

    /**
     * Creates a version.
     *
     * @param id the model's name, with its namespace where there are any
     * @param instances null for an ensemble
     * @param scheduler brings requests to what answers them; the instances' own or one before it
     * @param identity tells the model, as it was loaded, from all others; that of an ensemble changes with its models
     */
    ServedVersion(String id, long version, VersionConfig config,
            @Nullable InstanceSet instances, Scheduler scheduler, Supplier<String> identity,
            ModelStatistics statistics, Map<String, List<String>> labels, Duration loadTime, long maxWaitingBytes) {
        this(id, version, config, instances, scheduler, identity, new Usage(), statistics, labels, loadTime,
                maxWaitingBytes);
    }

    private ServedVersion(String id, long version, VersionConfig forms,
            @Nullable InstanceSet instances, Scheduler scheduler, Supplier<String> identity, Usage usage,
            ModelStatistics statistics, Map<String, List<String>> labels, Duration loadTime, long maxWaitingBytes) {
        this.id = id;
        this.scheduler = scheduler;
        this.identity = identity;
        this.usage = usage;
        this.maxWaitingBytes = maxWaitingBytes;
        this.version = version;
        this.versionText = Long.toString(version);
        this.forms = forms;
        this.config = forms.record();
        this.instances = instances;
        this.statistics = statistics;
        this.labels = Map.copyOf(labels);
        this.allOutputs = config.outputs().stream().map(ModelOutput::name).collect(Collectors.toUnmodifiableSet());
        this.isPassive = instances != null && config.instanceGroups().stream().allMatch(InstanceGroup::isPassive);
        boolean reshapes = config.outputs().stream().anyMatch(output -> output.reshape().isPresent());
        this.io = new ModelIo(config.isDecoupled(),
                reshapes ? this::inClientShape : outputs -> outputs, statistics, maxWaitingBytes);
        this.loadTime = loadTime;
    }

    /** Returns the same version with another configuration: model, instances and statistics are shared. */
    ServedVersion with(VersionConfig newConfig) {
        return new ServedVersion(id, version, newConfig, instances, scheduler, identity, usage, statistics, labels,
                loadTime, maxWaitingBytes);
    }

    private List<Tensor> inClientShape(List<Tensor> outputs) {
        List<Tensor> shown = new ArrayList<>(outputs.size());
        for (Tensor output : outputs) {
            shown.add(new Tensor(output.name(), output.dataType(),
                    forms.validator().clientShape(output.name(), output.shape()), output.data(), output.placement()));
        }
        return shown;
    }

    /** Returns the model's name. */
    public String name() {
        return config.name();
    }

    /** Returns the model's name, with its namespace where there are any. */
    public String id() {
        return id;
    }

    /** Returns the namespace of the model, which is the path of its repository as it was given; empty where there are none. */
    public Optional<String> namespace() {
        return id.equals(name()) ? Optional.empty() : Optional.of(ModelIds.namespace(id));
    }

    /** Returns the version. */
    public long version() {
        return version;
    }

    /** Returns the version as the protocol writes it. */
    public String versionText() {
        return versionText;
    }

    /** Returns the normalised configuration. */
    public ModelConfig config() {
        return config;
    }

    /** Returns the normalised configuration as the protocol shows it. */
    public String configJson() {
        return forms.json();
    }

    /** Returns what the version has done. */
    public ModelStatistics statistics() {
        return statistics;
    }

    /** Returns the labels of an output; empty where it has none. */
    public List<String> labels(String output) {
        return labels.getOrDefault(output, List.of());
    }

    /** Returns whether there are only instances that execute no requests. */
    boolean isPassive() {
        return isPassive;
    }

    /** Returns how long it took to load. */
    public Duration loadTime() {
        return loadTime;
    }

    /**
     * Returns whether all instances say that they can serve; one that can't even say so can't. An ensemble is there only
     * while its models are.
     */
    public boolean isReady() {
        InstanceSet own = instances;
        if (own == null) {
            return true;
        }
        if (outage().isPresent()) {
            return false;
        }
        ClassLoader loader = own.backend().classLoader();
        for (Instance instance : own.scheduler().instances()) {
            try {
                if (!PluginCalls.call("instance '" + instance.name() + "'", "say whether it is ready", loader,
                        instance::isReady)) {
                    return false;
                }
            } catch (InferenceException e) {
                return false;
            }
        }
        return true;
    }

    /** Returns why the version can't answer now, where its backend works in another process; else empty. */
    Optional<String> outage() {
        return instances == null ? Optional.empty() : instances.backend().outage();
    }

    /**
     * Returns the memory that the model says it occupies, an entry for each place, CPU before GPUs; empty where it says
     * nothing, or fails to.
     */
    public List<MemoryUsage> memoryUsage() {
        InstanceSet own = instances;
        if (own == null) {
            return List.of();
        }
        Map<Placement, Long> sums = new TreeMap<>(
                Comparator.comparing(Placement::kind).thenComparingInt(Placement::deviceId));
        try {
            PluginCalls.call("model '" + name() + "'", "say how much memory it uses",
                    own.backend().classLoader(), own.model().model()::memoryUsage)
                    .forEach(each -> sums.merge(each.placement(), each.byteSize(), Long::sum));
        } catch (InferenceException e) {
            return List.of();
        }
        return sums.entrySet().stream().map(each -> new MemoryUsage(each.getKey(), each.getValue())).toList();
    }

    /** Returns how many requests wait. */
    public int queueSize() {
        return scheduler().queueSize();
    }

    /** Returns how much the instances have to do now; nothing for an ensemble. */
    public ModelLoad load() {
        InstanceSet own = instances;
        if (own == null || isPassive) {
            return ModelLoad.NONE;
        }
        return new ModelLoad(own.scheduler().instances().size(), own.scheduler().busyInstances(), queueSize());
    }

    Scheduler scheduler() {
        return scheduler;
    }

    /** Returns what tells the model, as it is loaded now, from all others. */
    String identity() {
        return identity.get();
    }

    /** Returns the instances; empty for an ensemble. */
    Optional<InstanceSet> instances() {
        return Optional.ofNullable(instances);
    }

    /** Notes that the version serves nothing any more but the sequences that it has. */
    void leave() {
        usage.leave();
    }

    /** Returns whether the version serves nothing any more but the sequences that it has. */
    boolean isLeaving() {
        return usage.isLeaving();
    }

    /** Keeps the version from being closed until {@link #release}. Returns false where it is too late for that. */
    boolean retain() {
        return usage.begin();
    }

    /** Ends a use that {@link #retain} began. */
    void release() {
        usage.end();
    }

    /** Returns the normalised configuration, complete, as the repository reads and writes it. */
    public ConfigProto.ModelConfig completeConfig() {
        return forms.complete();
    }

    RequestValidator validator() {
        return forms.validator();
    }

    ModelIo io() {
        return io;
    }

    Set<String> allOutputs() {
        return allOutputs;
    }

    /**
     * Ends requests whose execution has returned, but which their backend has yet to answer, now and from here on, and
     * sequences.
     */
    void endLate(InferenceException reason) {
        scheduler().endLate(reason);
    }

    /** Finishes the running requests, then closes instances and model. Blocks until that is done. */
    void close() {
        usage.close();
        scheduler.stop();
        InstanceSet own = instances;
        if (own == null) {
            return;
        }
        own.close();
        own.model().close();
        own.backend().releaseModel();
    }
}
