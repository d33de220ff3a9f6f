package dev.nereid.backend.api.cache;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Experimental;
import dev.nereid.backend.api.InferenceException;
import org.pf4j.ExtensionPoint;

/**
 * What a plugin contributes: a named kind of response cache. Annotate the implementation with {@link org.pf4j.Extension} and
 * give it a public constructor without parameters that has no side effects.
 */
@Experimental(since = "1.1")
public interface CacheFactory extends ExtensionPoint {
    /**
     * Returns the name that {@code --cache-config} uses. It must equal the name of the directory or jar that the plugin was
     * found in.
     */
    String name();

    /**
     * Returns the contract version this plugin was compiled against: always
     * {@code new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR)}, whose constants the compiler copies into the plugin.
     */
    ApiVersion builtFor();

    /**
     * Opens the cache. Called once, before any model is loaded.
     *
     * @throws InferenceException with the reason, when the settings can't be used or the cache can't be reached; the server
     *     does not start then
     */
    ResponseCache create(CacheContext context);
}
