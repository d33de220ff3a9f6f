package dev.nereid.distribution.release;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.SAXException;

/** The Maven repository on this machine, which tells where a jar comes from and what its licence is. */
final class LocalRepository {
    private static final int MAX_PARENTS = 10;

    private final Path root;

    LocalRepository(Path root) {
        this.root = root;
    }

    /** Finds the directories of artifacts by the names of their files. */
    Map<String, Path> find(Set<String> names) throws IOException {
        Map<String, Path> found = new HashMap<>();
        try (Stream<Path> files = Files.walk(root)) {
            files.forEach(file -> {
                String name = String.valueOf(file.getFileName());
                if (names.contains(name)) {
                    found.putIfAbsent(name, root.relativize(file.resolveSibling("")));
                }
            });
        }
        return found;
    }

    /**
     * Returns the names of an artifact's licences: those of its pom, or else of the nearest parent that has some.
     *
     * @throws IOException when a pom can't be read, or is not there
     */
    List<String> licences(String group, String artifact, String version) throws IOException {
        Path pom = pom(group, artifact, version);
        for (int i = 0; i < MAX_PARENTS; i++) {
            Element project = parse(pom);
            List<String> names = new ArrayList<>();
            child(project, "licenses").ifPresent(licences -> children(licences, "license")
                    .forEach(licence -> child(licence, "name").ifPresent(name -> names.add(text(name)))));
            Optional<Element> parent = child(project, "parent");
            if (!names.isEmpty() || parent.isEmpty()) {
                return names;
            }
            pom = pom(value(parent.get(), "groupId"), value(parent.get(), "artifactId"),
                    value(parent.get(), "version"));
        }
        return List.of();
    }

    private Path pom(String group, String artifact, String version) {
        return root.resolve(group.replace('.', '/')).resolve(artifact).resolve(version)
                .resolve(artifact + "-" + version + ".pom");
    }

    private static Element parse(Path pom) throws IOException {
        try {
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
            return factory.newDocumentBuilder().parse(pom.toFile()).getDocumentElement();
        } catch (ParserConfigurationException | SAXException e) {
            throw new IOException(pom + " is not a pom: " + e.getMessage(), e);
        }
    }

    private static String value(Element parent, String name) {
        return child(parent, name).map(LocalRepository::text).orElse("");
    }

    private static String text(Element element) {
        return element.getTextContent().strip().replaceAll("\\s+", " ");
    }

    private static Optional<Element> child(Element parent, String name) {
        return children(parent, name).stream().findFirst();
    }

    private static List<Element> children(Element parent, String name) {
        List<Element> found = new ArrayList<>();
        for (@Nullable
        Node node = parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element element && element.getTagName().equals(name)) {
                found.add(element);
            }
        }
        return found;
    }
}
