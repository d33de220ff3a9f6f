package dev.nereid.server.doctor;

import dev.nereid.backend.api.Diagnosis.Verdict;
import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.EngineOptions.RemoteOptions;
import dev.nereid.engine.EngineOptions.RepositoryOptions;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.model.Repositories;
import dev.nereid.engine.plugin.Backends;
import dev.nereid.engine.plugin.Examination;
import dev.nereid.isolation.host.ProcessCheck;
import dev.nereid.isolation.settings.IsolationSettings;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.location.ModelCache;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.grpc.GrpcFrontEnd;
import dev.nereid.server.tls.ServerTls;
import dev.nereid.server.tls.TlsException;
import dev.nereid.server.tls.TlsOptions;
import dev.nereid.server.v2.AuthTokens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Looks at everything that a server with these options needs. It starts each backend, in this process, which can't be
 * undone: native libraries stay. So the process should end afterwards.
 */
public final class Doctor {
    private Doctor() {
    }

    /**
     * Looks.
     *
     * @param backendLimit how long to wait for one backend
     */
    public static Findings examine(ServerOptions options, Duration backendLimit) {
        EngineOptions engine = options.engine();
        try (GpuDriver driver = engine.gpu().isAllowed() ? GpuDriver.open() : GpuDriver.none("switched off")) {
            return examine(options, backendLimit, driver);
        }
    }

    static Findings examine(ServerOptions options, Duration backendLimit, GpuDriver driver) {
        EngineOptions engine = options.engine();
        Findings findings = new Findings();
        new SystemCheck(Path.of("/proc"), Runtime.getRuntime().availableProcessors(),
                engine.limits().maxInFlightBytes())
                .run(findings);
        GpuCheck.run(driver, engine.gpu(), findings);
        places(options, findings);
        IsolationSettings isolation = IsolationSettings.of(engine.backends().settings());
        Set<String> needed = repositories(engine, isolation, findings);
        backends(engine.with(engine.backends().withSettings(isolation.rest())), needed, backendLimit, findings);
        if (!driver.gpus().isEmpty()) {
            LibraryCheck.vendor(LibraryCheck.directories(System.getenv().getOrDefault("LD_LIBRARY_PATH", "")),
                    findings);
        }
        LibraryCheck.loaded(Path.of("/proc/self/maps"), findings);
        return findings;
    }

    private static void places(ServerOptions options, Findings findings) {
        String group = "Ports and directories";
        if (options.http().isEnabled()) {
            findings.add(group, PlaceCheck.port("HTTP", options.http().address(), options.http().port(), "http-port"));
        }
        if (options.grpc().isEnabled()) {
            findings.add(group, PlaceCheck.port("gRPC", options.grpc().address(), options.grpc().port(), "grpc-port"));
            findings.add(group, Diagnosis.ok("gRPC transport", GrpcFrontEnd.transport()));
        }
        if (options.metrics().isEnabled()) {
            findings.add(group, PlaceCheck.port("metrics", options.metrics().address(), options.metrics().port(),
                    "metrics-port"));
        }
        if (options.console().isEnabled()) {
            findings.add(group, PlaceCheck.port("console", options.console().address(), options.console().port(),
                    "console-port"));
        }
        secrets(options, findings);
        for (Path directory : options.engine().backends().directories()) {
            findings.add(group, PlaceCheck.readable("backends", directory,
                    "name the directory with backends with --backend-directory"));
        }
        findings.add(group, PlaceCheck.writable("temporary files",
                Path.of(System.getProperty("java.io.tmpdir", "/tmp")),
                "make it writable, or name another directory with NEREID_JAVA_OPTIONS=-Djava.io.tmpdir=<directory>"));
    }

    /** Looks at the files that decide who may ask: a server starts with none that it can't use. */
    private static void secrets(ServerOptions options, Findings findings) {
        String group = "Access";
        if (options.http().isEnabled() || options.console().isEnabled()) {
            options.http().tls().ifPresent(files -> findings.add(group, tls("HTTP", files)));
        }
        if (options.grpc().isEnabled()) {
            options.grpc().tls().ifPresent(files -> findings.add(group, tls("gRPC", files)));
        }
        if (options.metrics().isEnabled()) {
            options.metrics().tls().ifPresent(files -> findings.add(group, tls("metrics", files)));
        }
        options.authTokens().ifPresent(file -> {
            try (AuthTokens _ = AuthTokens.create(file, AuthTokens.PERIOD)) {
                findings.add(group, Diagnosis.ok("tokens", file.toString()));
            } catch (InferenceException e) {
                findings.add(group, Diagnosis.problem("tokens", String.valueOf(e.getMessage()),
                        "name a file of tokens with --auth-token-file"));
            }
        });
    }

    private static Diagnosis tls(String listener, TlsOptions files) {
        String subject = "TLS for " + listener;
        try (ServerTls tls = ServerTls.create(listener, files, ServerTls.PERIOD)) {
            String text = files.certificates() + " is valid until " + tls.validUntil();
            return tls.validUntil().isBefore(Instant.now())
                    ? Diagnosis.warning(subject, text, "clients refuse it: put a new one there")
                    : Diagnosis.ok(subject, text);
        } catch (TlsException e) {
            return Diagnosis.problem(subject, String.valueOf(e.getMessage()), "correct the files");
        }
    }

    /** Returns the backends that models ask for. */
    private static Set<String> repositories(EngineOptions options, IsolationSettings isolation, Findings findings) {
        Set<String> needed = new HashSet<>();
        options.repository().remote().locations()
                .forEach(location -> findings.add("Models", remote(location, options.repository().remote())));
        boolean isIsolating = isolation.own().values().stream().anyMatch(settings -> !settings.isEmpty());
        if (options.repository().directories().isEmpty()) {
            return needed;
        }
        ModelRepository repository = ModelRepository.open(options.repository().directories(),
                new ConfigLoader(options.repository().autoComplete(), options.repository().configName()));
        Set<String> models = repository.list().keySet();
        for (String model : models) {
            try {
                ModelConfig config = repository.poll(model).config();
                needed.add(config.getBackend());
                Map<String, String> parameters = new HashMap<>();
                config.getParametersMap().forEach((key, value) -> parameters.put(key, value.getStringValue()));
                isIsolating |= isolation.of(config.getBackend(), parameters).isIsolated();
            } catch (InferenceException e) {
                findings.add("Models", Diagnosis.problem(model, e.getMessage(),
                        "'nereid check <repository>' says more"));
            }
        }
        findings.add("Models", Diagnosis.ok("repository",
                models.size() + (models.size() == 1 ? " model in " : " models in ")
                        + options.repository().directories()));
        repository.hints().forEach(hint -> findings.add("Models", Diagnosis.warning("repository", hint, "")));
        if (isIsolating) {
            ProcessCheck.run().forEach(each -> findings.add("Isolation", each));
        }
        return needed;
    }

    /** Looks whether a place in object storage can be listed; its models are not fetched. */
    private static Diagnosis remote(String location, RemoteOptions options) {
        Path scratch;
        try {
            scratch = Files.createTempDirectory("nereid-doctor-");
        } catch (IOException e) {
            return Diagnosis.problem("repository", location + " can't be looked at: " + e.getMessage(),
                    "there must be room for temporary files");
        }
        try (Repositories opened = Repositories.open(RepositoryOptions.DEFAULT.withRemote(new RemoteOptions(
                List.of(location), Optional.of(scratch.resolve("cache")), options.pluginDirectory(),
                options.factories(), options.environment())), scratch)) {
            int count = opened.models().list().size();
            return Diagnosis.ok("repository", count + (count == 1 ? " model in " : " models in ") + location);
        } catch (InferenceException e) {
            return Diagnosis.problem("repository", e.getMessage(), "docs/storage.md says where credentials come from");
        } finally {
            ModelCache.delete(scratch);
        }
    }

    private static void backends(EngineOptions options, Set<String> needed, Duration limit, Findings findings) {
        List<Examination> all;
        try (Backends backends = new Backends(options.backends().directories(), options.backends().settings())) {
            all = backends.examine(limit);
        }
        boolean anyWorks = all.stream().anyMatch(Examination::works);
        for (Examination backend : all) {
            String group = "Backend " + backend.name();
            findings.add(group, Diagnosis.ok("directory", backend.path()));
            boolean isNeeded = needed.contains(backend.name()) || !anyWorks;
            backend.notes().forEach(note -> findings.add(group, isNeeded ? note : softened(note)));
        }
        needed.stream().filter(name -> !name.isEmpty() && all.stream().noneMatch(each -> each.name().equals(name)))
                .sorted().forEach(name -> findings.add("Backend " + name, Diagnosis.problem("directory", "not there",
                        "models ask for it: put it into " + options.backends().directories())));
        if (all.isEmpty()) {
            findings.add("Backends", Diagnosis.problem("backends", "none in " + options.backends().directories(),
                    "without a backend no model can be served"));
        }
    }

    /** A backend that nobody needs does not keep the server from working. */
    private static Diagnosis softened(Diagnosis note) {
        return note.verdict() == Verdict.PROBLEM
                ? Diagnosis.warning(note.subject(), note.found(), (note.advice().isEmpty() ? "" : note.advice() + "; ")
                        + "only models of this backend are concerned")
                : note;
    }
}
