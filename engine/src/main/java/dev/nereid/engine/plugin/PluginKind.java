package dev.nereid.engine.plugin;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.cache.CacheFactory;
import dev.nereid.backend.api.storage.ObjectStoreFactory;
import dev.nereid.backend.api.trace.SpanExporterFactory;
import org.pf4j.ExtensionPoint;

/** What a plugin contributes. */
enum PluginKind {
    /** A backend. */
    BACKEND("backend", BackendFactory.class),
    /** A response cache. */
    CACHE("cache", CacheFactory.class),
    /** A kind of object storage. */
    LOCATION("location", ObjectStoreFactory.class),
    /** What brings traces to another program. */
    TRACING("tracing", SpanExporterFactory.class);

    private final String noun;
    private final Class<? extends ExtensionPoint> contract;

    PluginKind(String noun, Class<? extends ExtensionPoint> contract) {
        this.noun = noun;
        this.contract = contract;
    }

    /** Returns what it is called. */
    String noun() {
        return noun;
    }

    /** Returns the kind and the name, as texts begin with. */
    String named(String name) {
        return noun + " '" + name + "'";
    }

    /** Returns the name of the interface that the plugin implements. */
    String contract() {
        return contract.getSimpleName();
    }
}
