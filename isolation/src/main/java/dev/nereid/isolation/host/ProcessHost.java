package dev.nereid.isolation.host;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.plugin.BackendHost;
import dev.nereid.engine.plugin.HostedBackend;
import dev.nereid.engine.stats.MetricFamily;
import dev.nereid.isolation.settings.IsolationSettings;
import dev.nereid.isolation.settings.WorkerSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Has backends work in processes of their own where the settings or a model say so. Nothing is started before the first of
 * these is loaded. Threads: any; the monitor guards the groups and the launcher, and is not held while a process starts.
 */
public final class ProcessHost implements BackendHost {
    private final IsolationSettings settings;
    private final List<Path> backendDirectories;
    private final long limitBytes;
    private final Set<Worker> workers = ConcurrentHashMap.newKeySet();
    private final Map<String, Worker> groups = new HashMap<>();
    private @Nullable WorkerLauncher launcher;
    private @Nullable Watch watch;
    private boolean isClosed;

    private ProcessHost(IsolationSettings settings, List<Path> backendDirectories, long limitBytes) {
        this.settings = settings;
        this.backendDirectories = List.copyOf(backendDirectories);
        this.limitBytes = limitBytes;
    }

    /**
     * Creates it.
     *
     * @param settings which backends work in processes, and what backends are told
     * @param backendDirectories where backends are
     * @param limitBytes how many bytes of inputs, and of outputs, may be in one process at a time
     */
    public static ProcessHost create(IsolationSettings settings, List<Path> backendDirectories, long limitBytes) {
        return new ProcessHost(settings, backendDirectories, limitBytes);
    }

    @Override
    public Optional<HostedBackend> host(Guest guest) {
        WorkerSettings asked = settingsOf(guest);
        return asked.isIsolated() ? Optional.of(admit(guest, asked)) : Optional.empty();
    }

    private WorkerSettings settingsOf(Guest guest) {
        try {
            return settings.of(guest.backend(), guest.parameters());
        } catch (InferenceException e) {
            throw new InferenceException(e.code(), "model '" + guest.model() + "': " + e.getMessage(), e);
        }
    }

    private HostedBackend admit(Guest guest, WorkerSettings asked) {
        while (true) {
            Worker worker = worker(guest, asked);
            Optional<RemoteBackend> admitted = worker.admit(guest);
            if (admitted.isPresent()) {
                return admitted.get();
            }
            // It is closing, or its processes end too often: the group begins anew.
            synchronized (this) {
                groups.remove(asked.group(), worker);
            }
        }
    }

    private synchronized Worker worker(Guest guest, WorkerSettings asked) {
        boolean isGroup = !asked.group().isEmpty();
        Worker existing = isGroup ? groups.get(asked.group()) : null;
        if (existing != null) {
            return existing;
        }
        String who = isGroup ? "group '" + asked.group() + "'" : Seat.who(guest);
        Worker[] created = new Worker[1];
        Worker worker = new Worker(who, asked, launcher(), () -> closed(asked.group(), created[0]));
        created[0] = worker;
        workers.add(worker);
        if (isGroup) {
            groups.put(asked.group(), worker);
        }
        return worker;
    }

    private synchronized void closed(String group, Worker worker) {
        workers.remove(worker);
        groups.remove(group, worker);
    }

    private synchronized WorkerLauncher launcher() {
        WorkerLauncher opened = launcher;
        if (isClosed) {
            throw InferenceException.unavailable("the server is stopping");
        }
        if (opened == null) {
            try {
                opened = WorkerLauncher.open(backendDirectories, settings.rest(), limitBytes);
            } catch (IOException e) {
                throw new InferenceException(StatusCode.UNAVAILABLE, "no model can work in a process of its own: "
                        + e.getMessage(), e);
            }
            launcher = opened;
            watch = Watch.start(opened.running());
        }
        return opened;
    }

    @Override
    public Backend guard(Guest guest, Backend backend) {
        WorkerSettings asked = settingsOf(guest);
        return asked.isLoadChecked() ? new CheckedBackend(backend, guest, asked, launcher()) : backend;
    }

    /** Returns the ids of the processes that work now, by the names of the models in them. */
    public Map<String, Long> processes() {
        Map<String, Long> processes = new TreeMap<>();
        workers.forEach(worker -> worker.working().ifPresent(process -> worker.seats()
                .forEach(seat -> processes.put(seat.guest().id(), process.pid()))));
        return processes;
    }

    @Override
    public List<MetricFamily> metrics() {
        List<WorkerMetrics.Reading> readings = new ArrayList<>();
        workers.forEach(worker -> readings.add(WorkerMetrics.read(worker)));
        return WorkerMetrics.families(readings);
    }

    @Override
    public void close() {
        WorkerLauncher opened;
        synchronized (this) {
            isClosed = true;
            opened = launcher;
            if (watch != null) {
                watch.close();
            }
        }
        if (opened != null) {
            opened.close();
        }
    }
}
