package dev.nereid.backend.api.cache;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Experimental;
import dev.nereid.backend.api.Metrics;
import java.util.Map;

/** What the server tells a cache when it opens it. Implemented by the server; valid until the cache is closed. */
@Experimental(since = "1.1")
public interface CacheContext {
    /** Returns the cache's name. */
    String name();

    /** Returns the contract version that this server offers. */
    ApiVersion serverApi();

    /** Returns the settings from {@code --cache-config=<name>,<key>=<value>}, but for those of the server's own. */
    Map<String, String> settings();

    /** Returns where the cache's own metrics are registered; the server adds the label {@code cache}. */
    Metrics metrics();
}
