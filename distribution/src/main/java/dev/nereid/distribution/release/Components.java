package dev.nereid.distribution.release;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Finds out which libraries are in a release. */
final class Components {
    private static final String OWN = "dev.nereid";
    private static final String OWN_LICENCE = "Apache-2.0";
    private static final String JAR = ".jar";

    private Components() {
    }

    /**
     * Returns the libraries of a release, by name.
     *
     * @param release the directory that is shipped
     * @param repository knows where libraries come from
     * @param ownVersion the version of the release itself
     * @throws IOException when one is not known, or has no licence
     */
    static List<Component> of(Path release, LocalRepository repository, String ownVersion) throws IOException {
        Map<String, List<Path>> jars = new TreeMap<>();
        try (Stream<Path> files = Files.walk(release)) {
            // What lies as a repository for authors of backends is in there a second time.
            files.filter(file -> file.toString().endsWith(JAR) && !file.startsWith(release.resolve("lib/maven")))
                    .forEach(file -> jars.computeIfAbsent(String.valueOf(file.getFileName()), _ -> new ArrayList<>())
                            .add(file));
        }
        Map<String, Path> places = repository.find(jars.keySet());
        List<Component> components = new ArrayList<>();
        for (Map.Entry<String, List<Path>> jar : jars.entrySet()) {
            components.add(component(jar.getKey(), jar.getValue(), places, release, repository, ownVersion));
        }
        return components;
    }

    private static Component component(String name, List<Path> files, Map<String, Path> places, Path release,
            LocalRepository repository, String ownVersion) throws IOException {
        List<String> where = files.stream().map(file -> release.relativize(file).toString()).sorted().toList();
        String digest = digest(files.getFirst());
        String ownEnd = "-" + ownVersion + JAR;
        if (name.startsWith("nereid-") && name.endsWith(ownEnd)) {
            return new Component(OWN, name.substring(0, name.length() - ownEnd.length()), ownVersion, "",
                    List.of(OWN_LICENCE), digest, where);
        }
        Path place = places.get(name);
        if (place == null || place.getNameCount() < 3) {
            throw new IOException(where + ": the local Maven repository does not know this library");
        }
        String version = place.getName(place.getNameCount() - 1).toString();
        String artifact = place.getName(place.getNameCount() - 2).toString();
        String group = place.subpath(0, place.getNameCount() - 2).toString().replace('/', '.');
        String rest = name.substring(artifact.length() + 1 + version.length(), name.length() - JAR.length());
        List<String> licences = repository.licences(group, artifact, version);
        if (licences.isEmpty()) {
            throw new IOException(group + ":" + artifact + ":" + version + ": neither its pom nor a parent's names a "
                    + "licence; find out before it is shipped");
        }
        return new Component(group, artifact, version, rest.startsWith("-") ? rest.substring(1) : "", licences, digest,
                where);
    }

    private static String digest(Path file) {
        try (DigestInputStream in = new DigestInputStream(Files.newInputStream(file),
                MessageDigest.getInstance("SHA-256"))) {
            long ignored = in.transferTo(OutputStream.nullOutputStream());
            return HexFormat.of().formatHex(in.getMessageDigest().digest());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
