package dev.nereid.engine.plugin;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.trace.Span;
import dev.nereid.backend.api.trace.SpanExporter;
import dev.nereid.backend.api.trace.SpanExporterContext;
import dev.nereid.backend.api.trace.SpanExporterFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** What brings traces to another program, and comes as a plugin. Threads: one at a time. */
public final class TracingPlugin implements SpanExporter {
    private final String who;
    private final SpanExporter exporter;
    private final ClassLoader loader;

    private TracingPlugin(String who, SpanExporter exporter, ClassLoader loader) {
        this.who = who;
        this.exporter = exporter;
        this.loader = loader;
    }

    /**
     * What an exporter is told.
     *
     * @param serverVersion the version of the server
     * @param url where spans go
     * @param resource what the spans are of
     * @param environment the environment variables of the server
     */
    public record Context(String serverVersion, String url, Map<String, String> resource,
            Map<String, String> environment) implements SpanExporterContext {
        /** Copies the maps. */
        public Context {
            resource = Map.copyOf(resource);
            environment = Map.copyOf(environment);
        }

        @Override
        public ApiVersion serverApi() {
            return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        }
    }

    /**
     * Makes the exporter of that name.
     *
     * @param directory where plugins are
     * @throws InferenceException with what is wrong, when it can't be found or made
     */
    public static SpanExporter open(String name, Path directory, Context context) {
        return open(name, PluginFactory.load(PluginKind.TRACING, name, directory, SpanExporterFactory.class,
                "it brings traces to a collector and comes with the server"), context);
    }

    /**
     * Makes the exporter of that factory.
     *
     * @throws InferenceException with what is wrong, when it can't be made
     */
    static SpanExporter open(String name, SpanExporterFactory factory, Context context) {
        String who = PluginKind.TRACING.named(name);
        ClassLoader loader = factory.getClass().getClassLoader();
        return new TracingPlugin(who, PluginCalls.call(who, "start", loader, () -> {
            PluginFactory.check(PluginKind.TRACING, name, factory.builtFor(), factory.name());
            return factory.create(context);
        }), loader);
    }

    @Override
    public String export(List<Span> spans) {
        return PluginCalls.call(who, "export spans", loader, () -> exporter.export(spans));
    }

    @Override
    public void close() {
        PluginCalls.close(who, loader, exporter);
    }
}
