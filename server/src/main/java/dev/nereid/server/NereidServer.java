package dev.nereid.server;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.engine.stats.MetricFamily;
import dev.nereid.engine.trace.TraceExporter;
import dev.nereid.engine.trace.TraceLevel;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.isolation.IsolatingEngine;
import dev.nereid.server.Watchdog.Trouble;
import dev.nereid.server.console.ConsoleData;
import dev.nereid.server.console.ConsoleOptions;
import dev.nereid.server.listener.ConnectionSlots;
import dev.nereid.server.listener.Deadline;
import dev.nereid.server.grpc.GrpcFrontEnd;
import dev.nereid.server.http.ConsoleEndpoint;
import dev.nereid.server.http.HttpFrontEnd;
import dev.nereid.server.http.MetricsEndpoint;
import dev.nereid.server.listener.PortHealth;
import dev.nereid.server.metrics.CpuSampler;
import dev.nereid.server.metrics.GpuSampler;
import dev.nereid.server.metrics.MetricsText;
import dev.nereid.server.metrics.ServerMetrics;
import dev.nereid.server.tls.ServerTls;
import dev.nereid.server.tls.TlsException;
import dev.nereid.server.trace.SpanQueue;
import dev.nereid.server.trace.TraceWriter;
import dev.nereid.server.v2.AuthTokens;
import dev.nereid.server.v2.LogControl;
import dev.nereid.server.v2.LogTail;
import dev.nereid.server.v2.V2Service;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A running server: the engine and its listeners. Models are loaded before the first port opens, and the last request is
 * answered before the first model is unloaded.
 */
public final class NereidServer implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(NereidServer.class.getName());
    private static final Duration TIME_FOR_MODELS = Duration.ofSeconds(2);
    private static final Duration WATCH_INTERVAL = Duration.ofSeconds(1);
    private static final Duration SEQUENCE_INTERVAL = Duration.ofMillis(5);
    private static final Duration STALL_LIMIT = Duration.ofSeconds(30);

    private final ServerOptions options;
    private final Engine engine;
    private final Optional<SpanQueue> spans;
    private final Tracer tracer;
    private final V2Service service;
    private final ClientSharedMemory sharedMemory;
    private final Optional<LogTail> logTail;
    private Optional<ServerTls> httpTls = Optional.empty();
    private Optional<ServerTls> grpcTls = Optional.empty();
    private Optional<ServerTls> metricsTls = Optional.empty();
    private Optional<AuthTokens> tokens = Optional.empty();
    private @Nullable CompletableFuture<HttpFrontEnd> preparedHttp;
    private @Nullable HttpFrontEnd http;
    private @Nullable GrpcFrontEnd grpc;
    private @Nullable MetricsEndpoint metrics;
    private @Nullable ConsoleEndpoint console;
    private @Nullable CpuSampler cpu;
    private @Nullable GpuSampler gpus;
    private @Nullable Watchdog watchdog;
    private boolean isClosed;

    private NereidServer(ServerOptions options, Engine engine, LogControl logs) {
        this.options = options;
        this.engine = engine;
        this.sharedMemory = new ClientSharedMemory(ClientSharedMemory.DIRECTORY, engine.gpus().driver());
        this.spans = options.trace().openTelemetry().map(collector -> SpanQueue.start(collector, Version.text()));
        if (spans.isPresent() && options.trace().settings().levels().contains(TraceLevel.TENSORS)) {
            LOGGER.log(Level.WARNING, "Tensor level tracing is not supported by the mode: opentelemetry");
        }
        this.tracer = Tracer.create(options.trace().settings(), spans.<TraceExporter>map(queue -> queue)
                .or(() -> options.trace().file().map(TraceWriter::start)));
        this.service = new V2Service(
                new V2Service.Options(options.id(), Version.withBuild(), options.allowsClientSharedMemory()),
                engine, tracer, sharedMemory, logs);
        this.logTail = logs.tail();
        if (options.console().isEnabled()) {
            service.failures().keep();
        }
    }

    /**
     * Loads the models and opens the ports.
     *
     * @throws StartException when a model fails to load and the options say that this ends the server, or when a port
     *     can't be opened
     */
    public static NereidServer start(ServerOptions options) {
        return start(options, LogControl.fixed(options.logging()));
    }

    /**
     * Loads the models and opens the ports.
     *
     * @param logs lets clients change log settings
     * @throws StartException when a model fails to load and the options say that this ends the server, or when a port
     *     can't be opened
     */
    public static NereidServer start(ServerOptions options, LogControl logs) {
        return start(options, logs, IsolatingEngine.create(options.engine()));
    }

    /** Loads the models of an engine, which is then this server's to close, and opens the ports. */
    public static NereidServer start(ServerOptions options, LogControl logs, Engine engine) {
        NereidServer server;
        try {
            server = new NereidServer(options, engine, logs);
        } catch (RuntimeException e) {
            engine.close();
            throw e;
        }
        try {
            server.readCertificates();
            server.readTokens();
            server.prepareHttp();
            server.checkModels(engine.start());
            server.open();
            server.watch();
            return server;
        } catch (RuntimeException e) {
            server.close();
            throw e;
        }
    }

    /** A mistake in them is told before models are loaded. */
    private void readCertificates() {
        try {
            if (options.http().isEnabled() || options.console().isEnabled()) {
                httpTls = options.http().tls().map(files -> ServerTls.create("http", files, ServerTls.PERIOD));
            }
            if (options.grpc().isEnabled()) {
                grpcTls = options.grpc().tls().map(files -> ServerTls.create("grpc", files, ServerTls.PERIOD));
            }
            if (options.metrics().isEnabled()) {
                metricsTls = options.metrics().tls()
                        .map(files -> ServerTls.create("metrics", files, ServerTls.PERIOD));
            }
        } catch (TlsException e) {
            throw new StartException(String.valueOf(e.getMessage()));
        }
    }

    private void readTokens() {
        try {
            tokens = options.authTokens().map(file -> AuthTokens.create(file, AuthTokens.PERIOD));
        } catch (InferenceException e) {
            throw new StartException("--auth-token-file: " + e.getMessage());
        }
    }

    /**
     * Reads certificates, keys and tokens again where their files have changed: now, and not at the next of the looks that
     * the server takes by itself. What can't be used is logged, and what was used before stays. Connections live on.
     */
    public void refreshCredentials() {
        httpTls.ifPresent(ServerTls::refreshIfPossible);
        grpcTls.ifPresent(ServerTls::refreshIfPossible);
        metricsTls.ifPresent(ServerTls::refreshIfPossible);
        tokens.ifPresent(AuthTokens::refreshIfPossible);
    }

    /**
     * Setting Helidon up takes about as long as starting a backend, so both go on at the same time. No port opens. The
     * console uses the protocol, too.
     */
    private void prepareHttp() {
        if (options.http().isEnabled() || options.console().isEnabled()) {
            preparedHttp = CompletableFuture.supplyAsync(
                    () -> HttpFrontEnd.create(new HttpFrontEnd.Services(engine, tracer, service, tokens),
                            options.http(),
                            httpTls),
                    task -> Thread.ofPlatform().name("nereid-prepare-http").daemon(true).start(task));
        }
    }

    private void checkModels(Map<String, InferenceException> startFailures) {
        String tables = StartupTables.render(engine);
        LOGGER.log(Level.INFO, tables);
        if (!startFailures.isEmpty() && options.exitOnError()) {
            throw new StartException("failed to load all models: " + String.join(", ", startFailures.keySet())
                    + "; the reasons are above. Use --exit-on-error=false to serve the others.");
        }
    }

    private void open() {
        FileDescriptors files = FileDescriptors.now();
        ProcessMemory memory = ProcessMemory.now();
        int connections = Math.min(files.connections(), memory.connections());
        LOGGER.log(Level.INFO, () -> "memory: " + memory.text(options.engine().limits().maxInFlightBytes())
                + " (--max-inflight-bytes), " + connections + " connections");
        ConnectionSlots slots = new ConnectionSlots(connections);
        CompletableFuture<HttpFrontEnd> prepared = preparedHttp;
        if (prepared != null || options.grpc().isEnabled()) {
            checkFiles(files);
        }
        if (prepared != null && options.http().isEnabled()) {
            HttpFrontEnd frontEnd = opened("HTTP", options.http().address(), options.http().port(), () -> {
                prepared.join().open(slots);
                return prepared.join();
            });
            http = frontEnd;
            LOGGER.log(Level.INFO,
                    () -> "Started HTTPService at " + options.http().address() + ":" + frontEnd.port());
        }
        if (options.grpc().isEnabled()) {
            openGrpc(slots);
        }
        if (prepared != null && options.console().isEnabled()) {
            openConsole(prepared.join());
        }
        if (options.metrics().isEnabled()) {
            Optional<CpuSampler> sampler = options.metrics().reportsCpu()
                    ? Optional.of(CpuSampler.start(Path.of("/proc"), options.metrics().interval()))
                    : Optional.empty();
            cpu = sampler.orElse(null);
            MetricsEndpoint endpoint = opened("metrics", options.metrics().address(), options.metrics().port(),
                    () -> MetricsEndpoint.start(
                            new MetricsText(engine, options.metrics().countsLatencies(),
                                    options.metrics().showsHistograms(), options.metrics().quantiles(), sampler,
                                    gpuSampler(), this::ownMetrics).withSpans(spans),
                            options.metrics(), files.metricsConnections(), engine.buffers().heap(), metricsTls));
            metrics = endpoint;
            LOGGER.log(Level.INFO,
                    () -> "Started Metrics Service at " + options.metrics().address() + ":" + endpoint.port());
        }
    }

    private List<MetricFamily> ownMetrics() {
        Map<String, Instant> ends = new TreeMap<>();
        httpTls.ifPresent(tls -> ends.put("http", tls.validUntil()));
        grpcTls.ifPresent(tls -> ends.put("grpc", tls.validUntil()));
        metricsTls.ifPresent(tls -> ends.put("metrics", tls.validUntil()));
        return ServerMetrics.of(Map.of("version", Version.text(), "commit", Version.commit(), "build_time",
                Version.buildTime(), "java", Runtime.version().toString()), ends);
    }

    private void openGrpc(ConnectionSlots slots) {
        GrpcFrontEnd frontEnd = GrpcFrontEnd.create(new GrpcFrontEnd.Services(engine, tracer, service, tokens),
                options.grpc(),
                grpcTls, slots);
        grpc = frontEnd;
        boolean ignored = opened("gRPC", options.grpc().address(), options.grpc().port(), () -> {
            frontEnd.open();
            return true;
        });
        LOGGER.log(Level.INFO,
                () -> "Started GRPCInferenceService at " + options.grpc().address() + ":" + frontEnd.port());
    }

    private void openConsole(HttpFrontEnd protocol) {
        ConsoleOptions wanted = options.console();
        ConsoleData data = new ConsoleData(engine, service, new ConsoleData.Facts(httpPort(), options.http().address(),
                httpTls.isPresent(), options.engine().loading().mode(), wanted.mayWrite()), logTail);
        ConsoleEndpoint endpoint = opened("console", wanted.address(), wanted.port(),
                () -> ConsoleEndpoint.start(protocol, data, wanted, httpTls, engine.buffers().heap()));
        console = endpoint;
        LOGGER.log(Level.INFO, () -> "Started Console at " + (httpTls.isPresent() ? "https" : "http") + "://"
                + (wanted.address().indexOf(':') >= 0 ? "[" + wanted.address() + "]" : wanted.address()) + ":"
                + endpoint.port() + "/");
    }

    private Optional<GpuSampler> gpuSampler() {
        GpuDriver driver = engine.gpus().driver();
        List<Integer> used = engine.gpus().devices().usableGpus();
        if (!options.metrics().reportsGpus() || used.isEmpty() || !driver.report().hasManagement()) {
            return Optional.empty();
        }
        GpuSampler started = GpuSampler.start(driver,
                driver.gpus().stream().filter(gpu -> used.contains(gpu.id())).toList(), options.metrics().interval());
        gpus = started;
        return Optional.of(started);
    }

    /** Starts to look whether the ports are served and the models progress. */
    private void watch() {
        HttpFrontEnd frontEnd = http;
        MetricsEndpoint endpoint = metrics;
        List<Supplier<Optional<Trouble>>> checks = new ArrayList<>();
        if (frontEnd != null) {
            checks.add(() -> trouble("HTTP", frontEnd.health()));
        }
        GrpcFrontEnd calls = grpc;
        if (calls != null) {
            checks.add(() -> trouble("gRPC", calls.health()));
        }
        if (endpoint != null) {
            checks.add(() -> trouble("metrics", endpoint.health()));
        }
        checks.add(() -> engine.stall(STALL_LIMIT).map(text -> new Trouble(text, false)));
        Watchdog started = Watchdog.start(checks, WATCH_INTERVAL);
        watchdog = started;
        service.liveUnless(started::trouble);
    }

    private static Optional<Trouble> trouble(String name, PortHealth health) {
        return switch (health) {
            case ACCEPTS -> Optional.empty();
            case SILENT -> Optional.of(new Trouble("the " + name + " port accepts no connections", false));
            case GONE -> Optional.of(new Trouble("the " + name + " port is closed", true));
        };
    }

    /**
     * Says how the process is ended where the server can't serve any more.
     *
     * @param always whether that is done for every trouble, or only where a port is gone for good
     * @param end gets the reason
     */
    public void endOnTrouble(boolean always, Consumer<String> end) {
        Watchdog watching = watchdog;
        if (watching != null) {
            watching.whenFound(trouble -> {
                if (always || trouble.isLasting()) {
                    end.accept(trouble.text());
                }
            });
        }
    }

    private static void checkFiles(FileDescriptors files) {
        String limit = "the process may open " + files.limit() + " files (ulimit -n)";
        if (!files.areEnough()) {
            throw new StartException(limit + ", of which " + files.open()
                    + " are in use: too few are left for connections; raise the limit to " + files.wanted());
        }
        if (files.connections() < FileDescriptors.MAX_CONNECTIONS) {
            LOGGER.log(Level.WARNING, limit + ": " + files.connections()
                    + " connections can be open at a time instead of " + FileDescriptors.MAX_CONNECTIONS
                    + "; raise the limit to " + files.wanted() + " for all");
        }
    }

    private interface Opening<T> {
        T open() throws IOException;
    }

    private static <T> T opened(String what, String address, int port, Opening<T> opening) {
        try {
            return opening.open();
        } catch (IOException | RuntimeException e) {
            LOGGER.log(Level.DEBUG, what + " listener", e);
            throw new StartException("the " + what + " listener can't open " + address + ":" + port
                    + "; is another server running there? (" + rootMessage(e) + ")");
        }
    }

    private static String rootMessage(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return String.valueOf(root.getMessage());
    }

    /** Returns the HTTP port; -1 where there is no listener. */
    public int httpPort() {
        return http == null ? -1 : http.port();
    }

    /** Returns the gRPC port; -1 where there is no listener. */
    public int grpcPort() {
        return grpc == null ? -1 : grpc.port();
    }

    /** Returns the metrics port; -1 where there is no listener. */
    public int metricsPort() {
        return metrics == null ? -1 : metrics.port();
    }

    /** Returns the console's port; -1 where there is no listener. */
    public int consolePort() {
        return console == null ? -1 : console.port();
    }

    /** Returns the engine. */
    public Engine engine() {
        return engine;
    }

    /** Returns how much of the exit timeout is kept for what follows the last request. */
    private Duration timeForModels() {
        Duration quarter = options.exitTimeout().dividedBy(4);
        return quarter.compareTo(TIME_FOR_MODELS) < 0 ? quarter : TIME_FOR_MODELS;
    }

    /** Ends what models would answer later in time for its clients to be told, unless it is interrupted before. */
    private Thread endLateBefore(Deadline deadline) {
        return Thread.ofVirtual().name("nereid-end-late").start(() -> {
            try {
                Thread.sleep(deadline.remaining().dividedBy(4).multipliedBy(3));
            } catch (InterruptedException e) {
                return;
            }
            engine.endLate();
        });
    }

    /** Goes on serving, not ready, until who sends requests here has had the time to notice. */
    private void awaitRouters() {
        if (options.exitGrace().isZero()) {
            return;
        }
        LOGGER.log(Level.INFO, () -> "Not ready any more; ending in " + options.exitGrace().toSeconds()
                + " seconds (--exit-grace-secs), until then requests are served");
        service.leave();
        HttpFrontEnd frontEnd = http;
        if (frontEnd != null) {
            frontEnd.endConnections();
        }
        Deadline grace = Deadline.in(options.exitGrace());
        while (!grace.hasPassed()) {
            LockSupport.parkNanos(Math.max(1, grace.remaining().toNanos()));
        }
    }

    /** Lets the sequences end that run: their clients may send each request over a connection of its own. */
    private void awaitSequences(Deadline deadline) {
        while (engine.hasSequences() && !deadline.hasPassed()) {
            LockSupport.parkNanos(SEQUENCE_INTERVAL.toNanos());
        }
    }

    /** Stops: not ready, for the grace period; then sequences end, no new connections, running requests finish, models are unloaded. */
    @Override
    public void close() {
        closeInTime();
    }

    /**
     * Does what {@link #close()} does, and returns whether all models were closed within the exit timeout that
     * follows the grace period.
     */
    public synchronized boolean closeInTime() {
        if (isClosed) {
            return true;
        }
        isClosed = true;
        if (watchdog != null) {
            awaitRouters();
        }
        Deadline deadline = Deadline.in(options.exitTimeout());
        if (watchdog != null) {
            watchdog.close();
        }
        engine.beginStop();
        Deadline forRequests = Deadline.in(deadline.remaining().minus(timeForModels()));
        Thread reminder = endLateBefore(forRequests);
        awaitSequences(Deadline.in(forRequests.remaining().dividedBy(4).multipliedBy(3)));
        if (grpc != null) {
            grpc.endConnections();
        }
        if (preparedHttp != null) {
            preparedHttp.thenApply(Optional::of).exceptionally(_ -> Optional.empty()).join()
                    .ifPresent(frontEnd -> frontEnd.close(forRequests));
        }
        if (grpc != null) {
            grpc.close(forRequests);
        }
        if (console != null) {
            // The last of them: who looks sees what is waited for, and pages that are open hold nobody else up.
            console.close(forRequests);
        }
        reminder.interrupt();
        httpTls.ifPresent(ServerTls::close);
        grpcTls.ifPresent(ServerTls::close);
        tokens.ifPresent(AuthTokens::close);
        // What follows closes the driver.
        sharedMemory.close();
        if (gpus != null) {
            gpus.close();
        }
        boolean inTime = engine.stopWithin(deadline.remaining());
        if (!inTime) {
            LOGGER.log(Level.WARNING, "Exit timeout expired. Exiting immediately.");
        }
        tracer.close();
        if (metrics != null) {
            metrics.close();
        }
        metricsTls.ifPresent(ServerTls::close);
        if (cpu != null) {
            cpu.close();
        }
        return inTime;
    }
}
