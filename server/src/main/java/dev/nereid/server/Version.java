package dev.nereid.server;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The server's version, and what it was built from. */
public final class Version {
    private static final String UNKNOWN = "unknown";
    private static final Properties BUILD = read();

    private Version() {
    }

    private static Properties read() {
        Properties build = new Properties();
        try (InputStream in = Version.class.getResourceAsStream("build.properties")) {
            if (in != null) {
                build.load(in);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("what the server was built from can't be read", e);
        }
        return build;
    }

    /** What the build did not know, it left as it found it: the name of a variable, or nothing. */
    private static String value(String name, String otherwise) {
        String value = BUILD.getProperty(name, "").strip();
        return value.isEmpty() || value.contains("${") ? otherwise : value;
    }

    /** Returns the version. */
    public static String text() {
        return value("version", "0.0.0");
    }

    /** Returns the commit that it was built from; {@code unknown} where the build was not told. */
    public static String commit() {
        return value("commit", UNKNOWN);
    }

    /** Returns when it was built, as ISO 8601 in UTC; {@code unknown} where the build was not told. */
    public static String buildTime() {
        return value("time", UNKNOWN);
    }

    /**
     * Returns the version with the commit and the time of the build as its build metadata, in the form of semantic versions:
     * {@code 1.2.0+0123456789ab.20270131T235959Z}. What is unknown is left out.
     */
    public static String withBuild() {
        String build = Stream.of(commit(), buildTime()).filter(part -> !part.equals(UNKNOWN))
                .map(part -> part.replaceAll("[^0-9A-Za-z]", "")).collect(Collectors.joining("."));
        return build.isEmpty() ? text() : text() + "+" + build;
    }

    /** Returns all of it, for people. */
    public static String line() {
        return "nereid " + text() + " (commit " + commit() + ", built " + buildTime() + ")";
    }
}
