package dev.nereid.tools.check;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.config.EnsembleValidator;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelEnsembling;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Checks all models of the repositories: each for itself, then the ensembles against the models in them. */
final class RepositoryCheck {
    private final ModelRepository repository;
    private final ModelCheck modelCheck;
    private final Optional<CheckOptions> loadOptions;
    private final Map<String, PolledModel> polled = new TreeMap<>();
    private final Map<String, List<Problem>> problems = new TreeMap<>();

    private RepositoryCheck(ModelRepository repository, ModelCheck modelCheck, Optional<CheckOptions> loadOptions) {
        this.repository = repository;
        this.modelCheck = modelCheck;
        this.loadOptions = loadOptions;
    }

    static RepositoryCheck of(CheckOptions options) {
        ConfigLoader loader = new ConfigLoader(options.isAutoCompleteOn(), options.configName());
        return new RepositoryCheck(ModelRepository.open(options.repositories(), loader),
                new ModelCheck(loader, options.backendDirectory().map(BackendCheck::of)),
                Optional.of(options).filter(CheckOptions::loads));
    }

    /** Returns the number of models that {@link #run} looked at. */
    int modelCount() {
        return problems.size();
    }

    /** Checks everything and returns what is wrong, by model name. */
    List<Problem> run() {
        List<Problem> all = new ArrayList<>();
        repository.hints().forEach(hint -> all.add(Problem.warning("repository", hint)));
        repository.list().forEach((name, places) -> problems.put(name, checkModel(name, places.size())));
        loadOptions.ifPresent(this::load);
        polled.values().stream().filter(model -> model.config().hasEnsembleScheduling())
                .forEach(ensemble -> checkEnsemble(ensemble.config()));
        problems.values().forEach(all::addAll);
        return all;
    }

    /** Loads each model that nothing is wrong with so far; ensembles have nothing to load. */
    private void load(CheckOptions options) {
        try (LoadCheck loading = LoadCheck.start(options)) {
            polled.forEach((name, model) -> {
                List<Problem> found = problems.getOrDefault(name, List.of());
                if (!model.config().hasEnsembleScheduling() && found.stream().noneMatch(Problem::isError)) {
                    loading.problem(name).ifPresent(text -> found.add(Problem.error(name, text)));
                }
            });
        }
    }

    private List<Problem> checkModel(String name, int places) {
        List<Problem> found = new ArrayList<>();
        if (places > 1) {
            found.add(Problem.error(name, ModelRepository.DUPLICATE_REASON));
            return found;
        }
        try {
            PolledModel model = repository.poll(name);
            polled.put(name, model);
            found.addAll(modelCheck.check(model));
        } catch (InferenceException e) {
            found.add(Problem.error(name, e.getMessage()));
        }
        return found;
    }

    /** Adds what is wrong with an ensemble, of which everything that concerns itself alone was checked before. */
    private void checkEnsemble(ModelConfig ensemble) {
        List<Problem> found = problems.computeIfAbsent(ensemble.getName(), ignored -> new ArrayList<>());
        try {
            EnsembleValidator.check(ensemble, name -> Optional.ofNullable(polled.get(name)).map(PolledModel::config));
        } catch (InferenceException e) {
            // Of a model that its backend completes, not everything that the ensemble names is known here.
            boolean isCertain = ensemble.getEnsembleScheduling().getStepList().stream()
                    .noneMatch(step -> isIncomplete(step.getModelName()));
            found.add(new Problem(ensemble.getName(), isCertain, e.getMessage()));
            return;
        }
        for (ModelEnsembling.Step step : ensemble.getEnsembleScheduling().getStepList()) {
            checkStep(ensemble.getName(), step).filter(problem -> !found.contains(problem)).ifPresent(found::add);
        }
    }

    private boolean isIncomplete(String name) {
        PolledModel model = polled.get(name);
        return model != null && modelCheck.mayBeCompleted(model.config());
    }

    private Optional<Problem> checkStep(String ensemble, ModelEnsembling.Step step) {
        String name = step.getModelName();
        Optional<Problem> failure = problems.getOrDefault(name, List.of()).stream().filter(Problem::isError)
                .findFirst();
        if (failure.isPresent()) {
            return Optional.of(Problem.error(ensemble, "ensemble '" + ensemble + "' depends on '" + name
                    + "' which has no loaded version. Model '" + name + "' loading failed with error: "
                    + failure.get().text()));
        }
        PolledModel model = polled.get(name);
        if (model != null && step.getModelVersion() >= 0 && !model.versions().contains(step.getModelVersion())) {
            return Optional.of(Problem.error(ensemble, "ensemble '" + ensemble + "' depends on '" + name
                    + "' whose required version " + step.getModelVersion() + " is not loaded."));
        }
        return Optional.empty();
    }
}
