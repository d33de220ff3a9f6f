package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.model.ModelCatalog.Snapshot;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.config.EnsembleValidator;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;

/**
 * Loads and unloads models, named by their ids, together with those that they consist of: an ensemble's models are loaded before it, and what
 * happens to one of them later makes the ensemble be loaded again, or be away until it can be.
 *
 * <p>Threads: any. Loads of one model run one after the other, as {@link ModelLifecycle} sees to; while one waits for
 * another, it holds nothing, and circles are refused before anything is waited for.
 */
final class Dependencies {
    private static final Logger LOGGER = System.getLogger(Dependencies.class.getName());

    private final ModelRepository repository;
    private final ModelCatalog catalog;
    private final ModelLifecycle lifecycle;
    /** The ensembles that are to be served, whether they can be or not, and the models that each consists of. */
    private final ConcurrentMap<String, List<String>> ensembles = new ConcurrentHashMap<>();
    /** The models that were asked for by name, not only for an ensemble. */
    private final Set<String> asked = ConcurrentHashMap.newKeySet();

    Dependencies(ModelRepository repository, ModelCatalog catalog, ModelLifecycle lifecycle) {
        this.repository = repository;
        this.catalog = catalog;
        this.lifecycle = lifecycle;
    }

    /**
     * Loads a model that was asked for, and before it what it consists of.
     *
     * @throws InferenceException with the protocol's text
     */
    void load(String name, LoadOverride override) {
        Session session = new Session();
        session.load(name, override);
        asked.add(name);
        session.resolveAgain(name);
    }

    /** Loads models side by side. Returns those that failed, with the reason. */
    Map<String, InferenceException> loadAll(List<String> names) {
        Session session = new Session();
        Map<String, Future<?>> loads = new TreeMap<>();
        Map<String, InferenceException> failures = new TreeMap<>();
        asked.addAll(names);
        try (ExecutorService starters = Executors.newVirtualThreadPerTaskExecutor()) {
            for (String name : names) {
                loads.put(name, starters.submit(() -> session.load(name, LoadOverride.NONE)));
            }
            loads.forEach((name, load) -> {
                try {
                    await(load);
                } catch (InferenceException e) {
                    failures.put(name, e);
                }
            });
        }
        return failures;
    }

    private static void await(Future<?> load) {
        try {
            Object ignored = load.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InferenceException(StatusCode.UNAVAILABLE, "interrupted", e);
        } catch (ExecutionException e) {
            throw e.getCause() instanceof InferenceException failure
                    ? failure
                    : new InferenceException(StatusCode.INTERNAL, String.valueOf(e.getCause()), e);
        }
    }

    /**
     * Unloads a model. Ensembles that contain it are away until it is loaded again.
     *
     * @param withDependents whether models go, too, that were only loaded because this one consists of them
     */
    void unload(String name, boolean withDependents) {
        asked.remove(name);
        List<String> members = ensembles.remove(name);
        unloadEnsemblesOf(name);
        catalog.withdraw(name);
        lifecycle.unload(name);
        if (withDependents && members != null) {
            for (String member : members) {
                if (!asked.contains(member) && !isInUse(member)) {
                    unload(member, true);
                }
            }
        }
    }

    /** Forgets a model whose directory is gone. */
    void forget(String name) {
        asked.remove(name);
        ensembles.remove(name);
        unloadEnsemblesOf(name);
        catalog.withdraw(name);
        lifecycle.forget(name);
        new Session().resolveAgain(name);
    }

    private boolean isInUse(String member) {
        return ensemblesOf(member).stream()
                .anyMatch(each -> !catalog.find(each).orElse(Snapshot.EMPTY).ready().isEmpty());
    }

    private List<String> ensemblesOf(String member) {
        return ensembles.entrySet().stream().filter(each -> each.getValue().contains(member)).map(Map.Entry::getKey)
                .sorted().toList();
    }

    private void unloadEnsemblesOf(String member) {
        for (String ensemble : ensemblesOf(member)) {
            if (!catalog.find(ensemble).orElse(Snapshot.EMPTY).ready().isEmpty()) {
                LOGGER.log(Level.WARNING, () -> "ensemble '" + ensemble + "' is unloaded, too, since model '" + member
                        + "' is a part of it; it is loaded again with that");
                unloadEnsemblesOf(ensemble);
                lifecycle.unload(ensemble);
            }
        }
    }

    /** Returns the models that a model consists of; none for one that is no ensemble, or can't be read. */
    private List<String> members(String name, LoadOverride override) {
        return override.config().isPresent()
                ? repository.members(name, override.config().get())
                : repository.members(name);
    }

    /** Loads that belong together: each model is loaded once. */
    private final class Session {
        private final ConcurrentMap<String, FutureTask<Void>> loads = new ConcurrentHashMap<>();

        void load(String name, LoadOverride override) {
            FutureTask<Void> task = new FutureTask<>(() -> loadOnce(name, override), null);
            FutureTask<Void> first = loads.putIfAbsent(name, task);
            if (first == null) {
                task.run();
            }
            await(first == null ? task : first);
        }

        private void loadOnce(String name, LoadOverride override) {
            catalog.identify(name);
            List<String> members = members(name, override);
            if (members.isEmpty()) {
                ensembles.remove(name);
            } else {
                EnsembleValidator.circle(name,
                        each -> each.equals(name) ? members : members(each, LoadOverride.NONE)).ifPresent(circle -> {
                            catalog.refused(name, circle);
                            InferenceException failure = LoadErrors.failed(repository.name(name),
                                    InferenceException.invalid(circle));
                            LOGGER.log(Level.ERROR, failure::getMessage);
                            throw failure;
                        });
                ensembles.put(name, members);
                members.forEach(this::loadMember);
            }
            if (lifecycle.load(name, override)) {
                reloadEnsemblesOf(name);
            }
        }

        private void loadMember(String name) {
            try {
                load(name, LoadOverride.NONE);
            } catch (InferenceException e) {
                // What is missing, the check of the ensemble says.
                LOGGER.log(Level.DEBUG, e::getMessage);
            }
        }

        /**
         * Loads ensembles anew that now consist of another model of that name, since one has come to, or gone from, another
         * namespace.
         */
        private void resolveAgain(String changed) {
            String name = repository.name(changed);
            ensembles.forEach((ensemble, before) -> {
                boolean isConcerned = before.stream().anyMatch(each -> repository.name(each).equals(name));
                List<String> now = isConcerned ? repository.members(ensemble) : before;
                if (!now.equals(before) && !now.isEmpty()) {
                    ensembles.put(ensemble, now);
                    now.forEach(this::loadMember);
                    if (lifecycle.reload(ensemble)) {
                        reloadEnsemblesOf(ensemble);
                    }
                }
            });
        }

        private void reloadEnsemblesOf(String member) {
            for (String ensemble : ensemblesOf(member)) {
                // One that this session loads itself comes after its models anyway.
                if (!loads.containsKey(ensemble) && lifecycle.reload(ensemble)) {
                    reloadEnsemblesOf(ensemble);
                }
            }
        }
    }
}
