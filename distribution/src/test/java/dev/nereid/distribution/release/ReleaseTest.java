package dev.nereid.distribution.release;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReleaseTest {
    private static final String VERSION = "1.2.3";
    private static final String TIME = "2026-01-02T03:04:05Z";
    private static final String LICENSES = "<licenses><license><name>%s</name></license></licenses>";

    @TempDir
    private Path directory;
    private Path release;
    private Path repository;

    @BeforeEach
    void make() throws IOException {
        release = Files.createDirectories(directory.resolve("release"));
        repository = Files.createDirectories(directory.resolve("repository"));
        jar(release.resolve("lib/nereid-server-1.2.3.jar"), Map.of());
    }

    private static void jar(Path file, Map<String, String> entries) throws IOException {
        Files.createDirectories(file.resolveSibling(""));
        try (OutputStream out = Files.newOutputStream(file); ZipOutputStream jar = new ZipOutputStream(out)) {
            for (Map.Entry<String, String> entry : entries.entrySet()) {
                jar.putNextEntry(new ZipEntry(entry.getKey()));
                jar.write(entry.getValue().getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    /** Puts a library into the local repository. */
    private void publish(String group, String artifact, String version, String classifier, String pom)
            throws IOException {
        Path place = Files.createDirectories(
                repository.resolve(group.replace('.', '/')).resolve(artifact).resolve(version));
        Files.writeString(place.resolve(artifact + "-" + version + ".pom"),
                "<project><artifactId>" + artifact + "</artifactId>" + pom + "</project>");
        Files.writeString(place.resolve(artifact + "-" + version + classifier + ".jar"), "");
    }

    private void write() throws IOException {
        ReleaseCommand.main(new String[]{release.toString(), repository.toString(), VERSION, TIME});
    }

    @Test
    void tellsOfEachLibraryWhereItIsFromAndWhatItsLicenceIs() throws IOException {
        publish("com.acme", "foo", "1.0", "", LICENSES.formatted("Apache License, Version 2.0"));
        publish("com.acme.native", "bar-linux", "2.0-1", "-linux-x86_64",
                "<parent><groupId>com.acme</groupId><artifactId>parent</artifactId><version>7</version></parent>");
        publish("com.acme", "parent", "7", "", LICENSES.formatted("The Bar\n   Licence"));
        jar(release.resolve("lib/foo-1.0.jar"), Map.of("META-INF/LICENSE", "the text", "a/License.class", "code"));
        jar(release.resolve("backends/x/bar-linux-2.0-1-linux-x86_64.jar"),
                Map.of("META-INF/NOTICE.txt", "one", "NOTICE.txt", "two"));
        jar(release.resolve("backends/y/foo-1.0.jar"), Map.of("META-INF/LICENSE", "the text"));
        jar(release.resolve("lib/maven/dev/nereid/unknown-9.jar"), Map.of());

        write();

        assertEquals("""
                Nereid 1.2.3 contains these libraries. The texts of their licences, where they bring one, are in the \
                directory licenses.

                com.acme.native:bar-linux:2.0-1:linux-x86_64 (The Bar Licence)
                com.acme:foo:1.0 (Apache License, Version 2.0)
                dev.nereid:nereid-server:1.2.3 (Apache-2.0)
                """, Files.readString(release.resolve("THIRD-PARTY.txt")));
        String bill = Files.readString(release.resolve("sbom.cdx.json"));
        assertTrue(bill.startsWith("{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"version\":1,"), bill);
        assertTrue(bill.contains("\"timestamp\":\"" + TIME + "\""), bill);
        assertTrue(
                bill.contains(
                        "\"purl\":\"pkg:maven/com.acme.native/bar-linux@2.0-1?classifier=linux-x86_64&type=jar\""),
                bill);
        assertTrue(bill.contains("\"licenses\":[{\"license\":{\"name\":\"The Bar Licence\"}}]"), bill);
        assertTrue(bill.contains("\"licenses\":[{\"license\":{\"id\":\"Apache-2.0\"}}],\"evidence\":{\"occurrences\":["
                + "{\"location\":\"backends/y/foo-1.0.jar\"},{\"location\":\"lib/foo-1.0.jar\"}]}"), bill);
        assertTrue(bill.matches("(?s).*\"alg\":\"SHA-256\",\"content\":\"[0-9a-f]{64}\".*"), bill);
        assertFalse(bill.contains("unknown"), bill);
        assertEquals("the text", Files.readString(release.resolve("licenses/foo-1.0/LICENSE")));
        assertEquals(List.of("one", "two"), List
                .of(Files.readString(release.resolve("licenses/bar-linux-2.0-1/NOTICE.txt")),
                        Files.readString(release.resolve("licenses/bar-linux-2.0-1/2-NOTICE.txt")))
                .stream().sorted().toList());
    }

    @Test
    void shipsNothingOfUnknownOrigin() throws IOException {
        jar(release.resolve("lib/foo-1.0.jar"), Map.of());

        assertEquals("[lib/foo-1.0.jar]: the local Maven repository does not know this library",
                assertThrows(IOException.class, this::write).getMessage());
    }

    @Test
    void shipsNothingWithoutALicence() throws IOException {
        publish("com.acme", "foo", "1.0", "", "");
        jar(release.resolve("lib/foo-1.0.jar"), Map.of());

        assertEquals("com.acme:foo:1.0: neither its pom nor a parent's names a licence; find out before it is shipped",
                assertThrows(IOException.class, this::write).getMessage());
    }

    /** It has no parent that could tell it. */
    @Test
    void theListOfVersionsIsOfThisVersion() throws IOException {
        Pattern version = Pattern.compile("<version>([^<$]+)</version>");
        Matcher all = version.matcher(Files.readString(Path.of("..", "pom.xml")));
        Matcher list = version.matcher(Files.readString(Path.of("..", "bom", "pom.xml")));

        assertTrue(all.find() && list.find());
        assertEquals(all.group(1), list.group(1));
    }

    @Test
    void knowsLicencesByTheNamesThatAuthorsGiveThem() {
        for (String name : List.of("Apache-2.0", "Apache License, Version 2.0", "Apache 2.0", "Apache License 2.0",
                "The Apache Software License, Version 2.0", "Apache License v2.0")) {
            assertEquals("Apache-2.0", BillOfMaterials.spdx(name), name);
        }
        assertEquals("MIT", BillOfMaterials.spdx("The MIT License"));
        assertEquals("", BillOfMaterials.spdx("The Bar Licence"));
    }
}
