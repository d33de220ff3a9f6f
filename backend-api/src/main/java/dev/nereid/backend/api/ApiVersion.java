package dev.nereid.backend.api;

/**
 * The version of this contract.
 *
 * <p>A plugin returns from {@link BackendFactory#builtFor()} the version it was compiled against. The server accepts it
 * when the major versions are equal and the plugin's minor version is not above the server's own: within one major
 * version, interfaces that the server implements only gain methods, and interfaces that a plugin implements only gain
 * default methods.
 *
 * @param major changes when existing plugins stop working
 * @param minor changes when something is added
 */
public record ApiVersion(int major, int minor) {
    /** Major version of this jar. A compile-time constant, so that a plugin carries the value it was compiled with. */
    public static final int MAJOR = 1;
    /** Minor version of this jar. A compile-time constant, so that a plugin carries the value it was compiled with. */
    public static final int MINOR = 1;

    /** Checks that neither part is negative. */
    public ApiVersion {
        if (major < 0 || minor < 0) {
            throw new IllegalArgumentException("API version " + major + "." + minor + " has a negative part");
        }
    }

    /** Returns whether a server that offers this version can run a plugin that was built for {@code other}. */
    public boolean canRun(ApiVersion other) {
        return major == other.major && minor >= other.minor;
    }

    @Override
    public String toString() {
        return major + "." + minor;
    }
}
