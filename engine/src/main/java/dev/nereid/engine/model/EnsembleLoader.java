package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.EngineOptions.LimitOptions;
import dev.nereid.engine.EngineOptions.StatisticsOptions;
import dev.nereid.engine.ensemble.EnsembleScheduler;
import dev.nereid.engine.ensemble.Members;
import dev.nereid.engine.model.ModelCatalog.Snapshot;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.config.EnsembleValidator;
import dev.nereid.repository.config.ModelConfigs;
import dev.nereid.repository.config.ModelFiles;
import dev.nereid.repository.config.ModelIds;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelEnsembling.Step;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;

/** Loads versions of ensembles, whose models are loaded before. Threads: any. */
final class EnsembleLoader {
    private final Members members;
    private final ModelRepository repository;
    private final ModelCatalog catalog;
    private final Caching caching;
    private final LimitOptions limits;
    private final StatisticsOptions statisticsOptions;

    EnsembleLoader(Members members, ModelRepository repository, ModelCatalog catalog, Caching caching,
            LimitOptions limits,
            StatisticsOptions statisticsOptions) {
        this.members = members;
        this.repository = repository;
        this.catalog = catalog;
        this.caching = caching;
        this.limits = limits;
        this.statisticsOptions = statisticsOptions;
    }

    /** Returns whether the model is an ensemble. */
    static boolean isEnsemble(PolledModel polled) {
        return polled.config().hasEnsembleScheduling();
    }

    /**
     * Checks an ensemble against its models as they serve now, and returns whether it is decoupled.
     *
     * @throws InferenceException with what is wrong
     */
    boolean check(PolledModel polled) {
        return check(polled.name(), resolved(polled));
    }

    private boolean check(String name, ModelConfig config) {
        List<Step> steps = config.getEnsembleScheduling().getStepList();
        for (Step step : steps) {
            String model = step.getModelName();
            if (catalog.find(ModelIds.of(step)).isEmpty()) {
                throw InferenceException.invalid(catalog.refusal(ModelIds.of(step))
                        .map(text -> "ensemble '" + name + "' depends on '" + model + "' which is not valid. Model '"
                                + model + "' failed with error: " + text)
                        .orElse("ensemble " + name + " contains models that are not available or ambiguous: " + model));
            }
        }
        for (Step step : steps) {
            checkVersions(name, step, catalog.find(ModelIds.of(step)).orElse(Snapshot.EMPTY));
        }
        return EnsembleValidator.check(config, model -> served(model).map(ServedVersion::completeConfig));
    }

    /** Returns the configuration with the namespaces of the models, where there are any and it is clear which is meant. */
    private ModelConfig resolved(PolledModel polled) {
        ModelConfig.Builder config = polled.config().toBuilder();
        config.getEnsembleSchedulingBuilder().getStepBuilderList().forEach(step -> step.setModelNamespace(repository
                .member(polled.id(), step.getModelName()).map(ModelIds::namespace).orElse("")));
        return config.build();
    }

    private static void checkVersions(String name, Step step, Snapshot snapshot) {
        String model = step.getModelName();
        List<ServedVersion> ready = snapshot.ready();
        if (ready.isEmpty()) {
            StringBuilder failures = new StringBuilder();
            snapshot.versions().stream().filter(ModelCatalog.Version::hasFailed)
                    .forEach(version -> failures.append("version ").append(version.number())
                            .append(" is at UNAVAILABLE state: ").append(version.reason()).append(';'));
            throw InferenceException.invalid("ensemble '" + name + "' depends on '" + model
                    + "' which has no loaded version." + (failures.isEmpty()
                            ? ""
                            : " Model '" + model + "' loading failed with error: " + failures));
        }
        if (step.getModelVersion() >= 0
                && ready.stream().noneMatch(version -> version.version() == step.getModelVersion())) {
            throw InferenceException.invalid("ensemble '" + name + "' depends on '" + model
                    + "' whose required version " + step.getModelVersion() + " is not loaded.");
        }
    }

    private Optional<ServedVersion> served(String model) {
        List<ServedVersion> ready = catalog.find(model).orElse(Snapshot.EMPTY).ready();
        return ready.isEmpty() ? Optional.empty() : Optional.of(ready.getLast());
    }

    /**
     * Loads a version.
     *
     * @throws InferenceException with what is wrong
     */
    ServedVersion load(PolledModel polled, long version) {
        long start = System.nanoTime();
        ModelConfig resolved = resolved(polled);
        VersionConfig forms = VersionConfig.of(ModelConfigs.withDecoupled(resolved, check(polled.name(), resolved)));
        var config = forms.record();
        if (config.isDecoupled() && config.isResponseCacheEnabled()) {
            throw InferenceException.invalid("Response Cache does not currently support model " + polled.name()
                    + " with 'decoupled' transaction policy. Please disable the response cache.");
        }
        ModelStatistics statistics = new ModelStatistics(config.histogramBuckets(),
                statisticsOptions.keepsSummaries(), statisticsOptions.keepsDistribution());
        List<Step> steps = resolved.getEnsembleScheduling().getStepList();
        EnsembleScheduler scheduler = new EnsembleScheduler(config,
                model -> served(model).map(each -> each.config().isDecoupled()).orElse(false), members, statistics,
                System::nanoTime, InstantSource.system());
        String own = caching.identity(polled, version, forms.json());
        Supplier<String> identity = () -> own + identities(steps);
        return new ServedVersion(polled.id(), version, forms, null,
                caching.before(scheduler, config, identity, statistics),
                identity, statistics, labels(polled, steps), Duration.ofNanos(System.nanoTime() - start),
                limits.maxResponseBytes());
    }

    /** Returns what tells the models of an ensemble, as they serve now, from all others. */
    private String identities(List<Step> steps) {
        StringBuilder all = new StringBuilder();
        for (Step step : steps) {
            for (ServedVersion version : catalog.find(ModelIds.of(step)).orElse(Snapshot.EMPTY).ready()) {
                if (step.getModelVersion() < 0 || version.version() == step.getModelVersion()) {
                    all.append('|').append(version.version()).append(' ').append(version.identity());
                }
            }
        }
        return all.toString();
    }

    /** Returns the labels of the outputs; those of the model that writes an output where the ensemble has none. */
    private Map<String, List<String>> labels(PolledModel polled, List<Step> steps) {
        Map<String, List<String>> labels = new HashMap<>();
        for (Step step : steps) {
            step.getOutputMapMap().forEach((output, tensor) -> {
                List<String> ofModel = labels(step, output);
                if (!ofModel.isEmpty()) {
                    labels.put(tensor, ofModel);
                }
            });
        }
        labels.putAll(ModelFiles.labels(polled.config(), polled.directory()));
        return labels;
    }

    private List<String> labels(Step step, String output) {
        OptionalLong version = step.getModelVersion() < 0
                ? OptionalLong.empty()
                : OptionalLong.of(step.getModelVersion());
        return catalog.lookup(ModelIds.of(step), version).labels(output);
    }
}
