package dev.nereid.server;

/** The server's version. */
public final class Version {
    private static final String UNKNOWN = "0.0.0";

    private Version() {
    }

    /** Returns the version from the jar's manifest. */
    public static String text() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? UNKNOWN : version;
    }
}
