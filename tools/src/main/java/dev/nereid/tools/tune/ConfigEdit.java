package dev.nereid.tools.tune;

import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads settings from a model's configuration, and writes them into its text. Immutable. */
final class ConfigEdit {
    private static final String BATCHING = "dynamic_batching";
    private static final String DELAY = "max_queue_delay_microseconds";
    /** The parameter that says how many threads an instance has; other backends divide the cores by themselves. */
    private static final Map<String, String> THREADS = Map.of("pytorch", "INTRA_OP_THREAD_COUNT");

    private final ConfigText text;
    private final ModelConfig config;

    /**
     * Creates an edit.
     *
     * @param text what somebody has written; empty where the backend has found everything out
     * @param config the same, complete
     */
    ConfigEdit(String text, ModelConfig config) {
        this.text = new ConfigText(text);
        this.config = config;
    }

    /** Returns the settings as they are. */
    Setting current() {
        boolean isBatching = config.scheduling() instanceof DynamicBatching && config.maxBatchSize() > 1;
        long delay = config.scheduling() instanceof DynamicBatching batching ? batching.maxQueueDelayMicros() : 0;
        int instances = config.instanceGroups().stream().filter(group -> !group.isPassive())
                .mapToInt(InstanceGroup::count).sum();
        int threads = threadParameter().map(name -> config.parameters().get(name)).map(ConfigEdit::count).orElse(0);
        return new Setting(Math.max(1, instances), threads, config.maxBatchSize(), isBatching, isBatching ? delay : 0);
    }

    private static int count(String value) {
        try {
            return Math.max(0, Integer.parseInt(value.strip()));
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    /** Returns the parameter that sets the threads of an instance; empty where the backend decides. */
    Optional<String> threadParameter() {
        return Optional.ofNullable(THREADS.get(config.backend()));
    }

    /** Returns why the number of instances stays; empty where it may change. */
    Optional<String> fixedInstances() {
        List<InstanceGroup> groups = config.instanceGroups();
        if (groups.size() > 1) {
            return Optional.of("there are several instance groups");
        }
        boolean isPlain = groups.stream().allMatch(group -> group.rateLimiter().equals(InstanceGroup.RateLimiter.NONE)
                && group.profiles().isEmpty() && group.secondaryDevices().isEmpty() && group.hostPolicy().isEmpty()
                && !group.isPassive());
        return isPlain ? Optional.empty() : Optional.of("the instance group has settings of its own");
    }

    /** Returns the text with those settings; what they do not change stays as it was written. */
    String with(Setting setting) {
        Setting before = current();
        ConfigText changed = text;
        if (setting.instances() != before.instances()) {
            InstanceGroup group = config.instanceGroups().getFirst();
            String gpus = group.gpus().isEmpty()
                    ? ""
                    : "  gpus: [ " + String.join(", ", group.gpus().stream().map(String::valueOf).toList()) + " ]";
            changed = changed.with("instance_group",
                    "instance_group [ { count: " + setting.instances() + "  kind: KIND_" + group.kind() + gpus
                            + " } ]");
        }
        if (setting.threads() != before.threads() && threadParameter().isPresent()) {
            String name = threadParameter().get();
            changed = changed.withEntry("parameters", name, setting.threads() == 0
                    ? ""
                    : "parameters { key: \"" + name + "\"  value { string_value: \"" + setting.threads() + "\" } }");
        }
        if (setting.maxBatch() != before.maxBatch()) {
            changed = changed.with("max_batch_size", "max_batch_size: " + setting.maxBatch());
        }
        if (setting.batches() != before.batches() || setting.delayMicros() != before.delayMicros()
                || (setting.batches() && setting.maxBatch() != before.maxBatch())) {
            changed = setting.batches()
                    ? changed.with(BATCHING, batching(changed.content(BATCHING).orElse(""), setting))
                    : changed.without(BATCHING);
        }
        return changed.text();
    }

    /** Preferred sizes would only end a wait earlier than the largest batch does, which is chosen as well. */
    private static String batching(String before, Setting setting) {
        ConfigText inner = new ConfigText(before).without("preferred_batch_size");
        inner = setting.delayMicros() == 0
                ? inner.without(DELAY)
                : inner.with(DELAY, DELAY + ": " + setting.delayMicros());
        String content = inner.text().strip();
        return content.contains("\n")
                ? BATCHING + " {\n  " + content + "\n}"
                : BATCHING + " { " + content + (content.isEmpty() ? "}" : " }");
    }
}
