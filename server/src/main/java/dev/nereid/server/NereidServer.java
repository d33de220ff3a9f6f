package dev.nereid.server;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.server.http.HttpFrontEnd;
import dev.nereid.server.http.MetricsEndpoint;
import dev.nereid.server.metrics.CpuSampler;
import dev.nereid.server.metrics.GpuSampler;
import dev.nereid.server.metrics.MetricsText;
import dev.nereid.server.trace.TraceWriter;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A running server: the engine and its listeners. Models are loaded before the first port opens, and the last request is
 * answered before the first model is unloaded.
 */
public final class NereidServer implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(NereidServer.class.getName());

    private final ServerOptions options;
    private final Engine engine;
    private final Tracer tracer;
    private final LogControl logs;
    private final ClientSharedMemory sharedMemory;
    private @Nullable CompletableFuture<HttpFrontEnd> preparedHttp;
    private @Nullable HttpFrontEnd http;
    private @Nullable MetricsEndpoint metrics;
    private @Nullable CpuSampler cpu;
    private @Nullable GpuSampler gpus;
    private boolean isClosed;

    private NereidServer(ServerOptions options, Engine engine, LogControl logs) {
        this.options = options;
        this.engine = engine;
        this.logs = logs;
        this.sharedMemory = new ClientSharedMemory(ClientSharedMemory.DIRECTORY, engine.gpus().driver());
        this.tracer = Tracer.create(options.trace().settings(), options.trace().file().map(TraceWriter::start));
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
        return start(options, logs, Engine.create(options.engine()));
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
            server.prepareHttp();
            server.checkModels(engine.start());
            server.open();
            return server;
        } catch (RuntimeException e) {
            server.close();
            throw e;
        }
    }

    /** Setting Helidon up takes about as long as starting a backend, so both go on at the same time. No port opens. */
    private void prepareHttp() {
        if (options.http().isEnabled()) {
            preparedHttp = CompletableFuture.supplyAsync(
                    () -> HttpFrontEnd.create(new HttpFrontEnd.Services(engine, tracer, sharedMemory, logs), options,
                            Version.text()),
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
        CompletableFuture<HttpFrontEnd> prepared = preparedHttp;
        if (prepared != null) {
            HttpFrontEnd frontEnd = opened("HTTP", options.http().address(), options.http().port(), () -> {
                prepared.join().open();
                return prepared.join();
            });
            http = frontEnd;
            LOGGER.log(Level.INFO,
                    () -> "Started HTTPService at " + options.http().address() + ":" + frontEnd.port());
        }
        if (options.metrics().isEnabled()) {
            Optional<CpuSampler> sampler = options.metrics().reportsCpu()
                    ? Optional.of(CpuSampler.start(Path.of("/proc"), options.metrics().interval()))
                    : Optional.empty();
            cpu = sampler.orElse(null);
            MetricsEndpoint endpoint = opened("metrics", options.metrics().address(), options.metrics().port(),
                    () -> MetricsEndpoint.start(
                            new MetricsText(engine, options.metrics().countsLatencies(),
                                    options.metrics().showsHistograms(), sampler, gpuSampler()),
                            options.metrics()));
            metrics = endpoint;
            LOGGER.log(Level.INFO,
                    () -> "Started Metrics Service at " + options.metrics().address() + ":" + endpoint.port());
        }
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

    private interface Opening<T> {
        T open();
    }

    private static <T> T opened(String what, String address, int port, Opening<T> opening) {
        try {
            return opening.open();
        } catch (RuntimeException e) {
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

    /** Returns the metrics port; -1 where there is no listener. */
    public int metricsPort() {
        return metrics == null ? -1 : metrics.port();
    }

    /** Returns the engine. */
    public Engine engine() {
        return engine;
    }

    /** Stops: not ready, no new connections, running requests finish, models are unloaded. */
    @Override
    public void close() {
        closeInTime();
    }

    /** Does what {@link #close()} does, and returns whether all models were closed within the exit timeout. */
    public synchronized boolean closeInTime() {
        if (isClosed) {
            return true;
        }
        isClosed = true;
        engine.beginStop();
        if (preparedHttp != null) {
            preparedHttp.thenApply(Optional::of).exceptionally(_ -> Optional.empty()).join()
                    .ifPresent(HttpFrontEnd::close);
        }
        // What follows closes the driver.
        sharedMemory.close();
        if (gpus != null) {
            gpus.close();
        }
        boolean inTime = engine.stopWithin(options.exitTimeout());
        if (!inTime) {
            LOGGER.log(Level.WARNING, "Exit timeout expired. Exiting immediately.");
        }
        tracer.close();
        if (metrics != null) {
            metrics.close();
        }
        if (cpu != null) {
            cpu.close();
        }
        return inTime;
    }
}
