package dev.nereid.backend.api;

import java.util.List;
import org.pf4j.ExtensionPoint;

/**
 * What a plugin contributes: a named way to start a backend. Annotate the implementation with
 * {@link org.pf4j.Extension} and give it a public constructor without parameters that has no side effects.
 */
public interface BackendFactory extends ExtensionPoint {
    /**
     * Returns the name that a model configuration uses in its {@code backend} field. It must equal the name of the
     * directory or jar that the plugin was found in.
     */
    String name();

    /**
     * Returns the contract version this plugin was compiled against: always
     * {@code new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR)}, whose constants the compiler copies into the plugin.
     */
    ApiVersion builtFor();

    /**
     * Starts the backend; native libraries are loaded here and nowhere earlier. Called at most once in a process, with
     * the first model that asks for this backend.
     *
     * @throws InferenceException with the reason, when the backend can't run on this machine; its message becomes the
     *     reason of every model that asks for this backend
     */
    Backend create(BackendContext context);

    /**
     * Looks at what this backend needs on this machine: libraries and their versions, devices, settings. Called by
     * {@code nereid doctor} on a factory of its own; it may load native libraries. It must end
     * within seconds; the caller stops waiting after a while.
     *
     * @implSpec By default nothing is looked at: {@code doctor} then only says whether the backend starts.
     */
    default List<Diagnosis> diagnose(BackendContext context) {
        return List.of();
    }
}
