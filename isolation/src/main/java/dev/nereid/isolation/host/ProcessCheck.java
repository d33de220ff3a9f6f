package dev.nereid.isolation.host;

import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.isolation.memory.MemoryGroups;
import dev.nereid.isolation.settings.IsolationSettings;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Tries whether models can work in processes of their own on this machine. */
public final class ProcessCheck {
    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final long BYTES = 1 << 20;

    private ProcessCheck() {
    }

    /** Starts a process, shares memory with it and ends it. Returns what was found. */
    public static List<Diagnosis> run() {
        List<Diagnosis> found = new ArrayList<>();
        try (WorkerLauncher launcher = WorkerLauncher.open(List.of(), Map.of(), BYTES)) {
            long start = System.nanoTime();
            WorkerProcess process = launcher.start("nereid doctor",
                    IsolationSettings.of(Map.of()).of("", Map.of()), () -> {
                    });
            found.add(Diagnosis.ok("process", "started in " + (System.nanoTime() - start) / 1_000_000 + " ms"));
            found.add(process.region().isSealed()
                    ? Diagnosis.ok("shared memory", "without a name, can't be shrunk")
                    : Diagnosis.warning("shared memory", "a file", "memfd_create is not allowed here; a process that "
                            + "ends may then take the server along if it shrinks the file, which it has no reason to"));
            found.add(Diagnosis.ok("memory limits", MemoryGroups.ofSystem().describe()));
            process.close(LIMIT);
        } catch (IOException | InferenceException e) {
            found.add(Diagnosis.problem("process", String.valueOf(e.getMessage()),
                    "models with isolation can't be loaded; load them with isolation=none"));
        }
        return found;
    }
}
