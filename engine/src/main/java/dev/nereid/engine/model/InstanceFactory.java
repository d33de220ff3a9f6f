package dev.nereid.engine.model;

import dev.nereid.backend.api.BackendAttributes.ExecutionPolicy;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.engine.EngineOptions.SchedulingOptions;
import dev.nereid.engine.HostPolicy;
import dev.nereid.engine.host.HostBinding;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.instance.InstanceThread;
import dev.nereid.engine.instance.RateLimiter;
import dev.nereid.engine.plugin.LoadedBackend;
import dev.nereid.engine.plugin.PluginCalls;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Creates the instances of one model version, each with the thread, the cores and the share of resources that its backend
 * and its group ask for. Threads: any, several at once where the backend allows that.
 */
final class InstanceFactory {
    private static final Logger LOGGER = System.getLogger(InstanceFactory.class.getName());

    private final LoadedBackend backend;
    private final LoadedModel model;
    private final Optional<RateLimiter> limiter;
    private final SchedulingOptions options;
    /** Guarded by itself. */
    private final Map<SharedThread, InstanceThread> sharedThreads = new HashMap<>();

    /** What instances must have in common to share a thread. */
    private record SharedThread(int device, String policy) {
    }

    InstanceFactory(LoadedModel model, Optional<RateLimiter> limiter, SchedulingOptions options) {
        this.backend = model.backend();
        this.model = model;
        this.limiter = limiter;
        this.options = options;
    }

    /** Returns whether several instances may be created at the same time. */
    boolean createsInParallel() {
        return options.parallelInstanceLoading().orElse(backend.attributes().parallelInstanceLoading());
    }

    /**
     * Creates an instance.
     *
     * @throws InferenceException when it can't be created, or the rate limiter could never let it execute
     */
    Instance create(InstanceSpec spec) {
        LOGGER.log(Level.DEBUG, () -> "creating instance " + spec.name() + " (" + spec.kind() + " device "
                + spec.deviceId() + ")");
        String policyName = policyName(spec);
        HostPolicy policy = options.hostPolicies().getOrDefault(policyName, HostPolicy.NONE);
        boolean isShared = spec.kind() == InstanceGroup.Kind.GPU
                && backend.attributes().executionPolicy() == ExecutionPolicy.DEVICE_BLOCKING;
        InstanceThread thread = isShared
                ? shared(spec, policyName)
                : InstanceThread.start(spec.name(), backend.classLoader(), false);
        try {
            // Cores and threads that were chosen would otherwise be left for those of the requests.
            ThreadConfinement confinement = isShared || !policy.isEmpty()
                    ? ThreadConfinement.OWN_THREAD
                    : backend.attributes().threadConfinement();
            RateLimiter.Claim claim = spec.group().isPassive()
                    ? null
                    : limiter.map(each -> each.claim(spec.group().rateLimiter(), spec.deviceId())).orElse(null);
            return Instance.create(spec.name(), confinement, backend.classLoader(), thread, claim, () -> {
                HostBinding.apply(policy);
                return PluginCalls.<ModelInstance>call("instance '" + spec.name() + "'", "be created",
                        backend.classLoader(), () -> model.model().createInstance(spec));
            });
        } finally {
            thread.release();
        }
    }

    private InstanceThread shared(InstanceSpec spec, String policyName) {
        SharedThread key = new SharedThread(spec.deviceId(), policyName);
        synchronized (sharedThreads) {
            InstanceThread existing = sharedThreads.get(key);
            if (existing != null && existing.retain()) {
                return existing;
            }
            InstanceThread started = InstanceThread.start(spec.config().name() + "_gpu" + spec.deviceId(),
                    backend.classLoader(), true);
            sharedThreads.put(key, started);
            return started;
        }
    }

    private String policyName(InstanceSpec spec) {
        String asked = spec.group().hostPolicy();
        if (!asked.isEmpty() && !options.hostPolicies().containsKey(asked)) {
            LOGGER.log(Level.WARNING, () -> "model '" + spec.config().name() + "', instance group '"
                    + spec.group().name() + "': there is no host policy '" + asked
                    + "'; its threads are not bound to any cores");
        }
        return asked.isEmpty() ? switch (spec.kind()) {
            case GPU -> "gpu_" + spec.deviceId();
            case MODEL -> "model";
            case CPU, AUTO -> "cpu";
        } : asked;
    }
}
