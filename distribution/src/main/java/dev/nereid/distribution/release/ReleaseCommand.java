package dev.nereid.distribution.release;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Enumeration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;

/** Writes into a release what is in it: {@code sbom.cdx.json}, {@code THIRD-PARTY.txt} and the texts of licences. */
public final class ReleaseCommand {
    private static final Pattern LEGAL = Pattern.compile(
            "(META-INF/)?(licenses?/.+|[^/]*(license|licence|notice|copying|third.?party)[^/]*)",
            Pattern.CASE_INSENSITIVE);

    private ReleaseCommand() {
    }

    /**
     * Writes the files.
     *
     * @param arguments the directory that is shipped, the local Maven repository, the version, and when it was built
     * @throws IOException when a file can't be read or written, or the origin or licence of a library is not known
     */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 4) {
            throw new IllegalArgumentException("expected <directory> <Maven repository> <version> <time>");
        }
        Path release = Path.of(arguments[0]);
        List<Component> components = Components.of(release, new LocalRepository(Path.of(arguments[1])), arguments[2]);
        write(release, components, arguments[2], arguments[3]);
        System.out.println(components.size() + " libraries in " + release);
    }

    static void write(Path release, List<Component> components, String version, String time) throws IOException {
        Files.writeString(release.resolve("sbom.cdx.json"), BillOfMaterials.write(components, version, time));
        StringBuilder text = new StringBuilder("Nereid " + version + " contains these libraries. The texts of their "
                + "licences, where they bring one, are in the directory licenses.\n\n");
        for (Component component : components) {
            text.append(component.name()).append(" (").append(String.join("; ", component.licences())).append(")\n");
            copyTexts(release.resolve(component.files().getFirst()),
                    release.resolve("licenses").resolve(component.artifact() + "-" + component.version()));
        }
        Files.writeString(release.resolve("THIRD-PARTY.txt"), text);
    }

    /** Copies the texts of licences out of a jar. Two of one name, in two directories, get numbers. */
    private static void copyTexts(Path jar, Path target) throws IOException {
        Set<String> taken = new HashSet<>();
        try (JarFile file = new JarFile(jar.toFile())) {
            for (Enumeration<JarEntry> entries = file.entries(); entries.hasMoreElements();) {
                JarEntry entry = entries.nextElement();
                if (entry.isDirectory() || entry.getName().endsWith(".class")
                        || !LEGAL.matcher(entry.getName()).matches()) {
                    continue;
                }
                String name = entry.getName().substring(entry.getName().lastIndexOf('/') + 1);
                String free = name;
                for (int i = 2; !taken.add(free); i++) {
                    free = i + "-" + name;
                }
                Files.createDirectories(target);
                try (var in = file.getInputStream(entry)) {
                    long ignored = Files.copy(in, target.resolve(free), StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }
}
