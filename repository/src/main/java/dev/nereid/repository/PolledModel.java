package dev.nereid.repository;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A model as it was found in a repository, or in the directory of an override.
 *
 * @param id the name, with the namespace where there are any
 * @param name the name
 * @param directory the model's directory
 * @param config the configuration, with everything filled in that needs no backend
 * @param versions the versions that the policy selects, in ascending order
 * @param fingerprint what the directory held; taken before the configuration was read, so that a later edit shows
 * @param isOverride whether the configuration came with a load request
 * @param warnings what an operator should know although the model can be used
 * @param hint what to change where the layout of the directory looks wrong
 */
public record PolledModel(String id, String name, Path directory, ModelConfig config, List<Long> versions,
        Fingerprint fingerprint, boolean isOverride, List<String> warnings, Optional<String> hint) {
    /** Copies the lists. */
    public PolledModel {
        versions = List.copyOf(versions);
        warnings = List.copyOf(warnings);
    }

    /** Returns the directory of a version. */
    public Path versionDirectory(long version) {
        return directory.resolve(Long.toString(version));
    }

    /** Refuses a model of which the policy selects no version. The hint, if any, is for the log. */
    public void checkVersions() {
        if (versions.isEmpty()) {
            throw InferenceException.invalid(
                    "at least one version must be available under the version policy of model '" + name + "'");
        }
    }

    /** Returns whether nothing changed since {@code earlier}, so that loading the model again is no work. */
    public boolean isUnmodifiedSince(PolledModel earlier) {
        return !isOverride && !earlier.isOverride && directory.equals(earlier.directory)
                && fingerprint.equals(earlier.fingerprint) && config.equals(earlier.config);
    }

    /**
     * Returns whether a loaded version may stay as it is but for its instances: its directory is unmodified, and of the
     * configuration at most instance groups and version policy differ.
     */
    public boolean keepsVersionOf(PolledModel earlier, long version) {
        Optional<Object> before = Optional.ofNullable(earlier.fingerprint.versions().get(version));
        return before.isPresent() && before.equals(Optional.ofNullable(fingerprint.versions().get(version)))
                && directory.equals(earlier.directory) && fingerprint.hasSameRest(earlier.fingerprint)
                && withoutInstances(config).equals(withoutInstances(earlier.config));
    }

    private static ModelConfig withoutInstances(ModelConfig config) {
        return config.toBuilder().clearInstanceGroup().clearVersionPolicy().build();
    }
}
