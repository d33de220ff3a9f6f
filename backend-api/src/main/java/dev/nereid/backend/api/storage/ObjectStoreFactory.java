package dev.nereid.backend.api.storage;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Experimental;
import dev.nereid.backend.api.InferenceException;
import org.pf4j.ExtensionPoint;

/**
 * What a plugin contributes: a kind of object storage. Annotate the implementation with {@link org.pf4j.Extension} and give
 * it a public constructor without parameters that has no side effects.
 */
@Experimental(since = "1.1")
public interface ObjectStoreFactory extends ExtensionPoint {
    /** Returns the plugin's name, which must equal that of the directory or jar that the plugin was found in. */
    String name();

    /**
     * Returns the contract version this plugin was compiled against: always
     * {@code new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR)}, whose constants the compiler copies into the plugin.
     */
    ApiVersion builtFor();

    /**
     * Opens the place that a model repository lies in. Called before any model is loaded; nothing has to be asked over the
     * network yet.
     *
     * @throws InferenceException with the reason, when the location or the settings can't be used
     */
    ObjectStore open(ObjectStoreContext context);
}
