package dev.nereid.tools.scaffold;

import dev.nereid.backend.api.ApiVersion;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The files of a new backend's project, made from the templates beside this class.
 *
 * @param names the names in it
 * @param files the texts by path, with {@code /} between directories
 */
record BackendProject(ProjectNames names, Map<String, String> files) {
    /** What a backend does at first. */
    enum Kind {
        /** It answers each request once. */
        PLAIN("", "multiplies numbers", "The answer holds `3.0,6.0`.") {
            @Override
            String request(String model) {
                return "curl localhost:8000/v2/models/" + model + "/infer -d '{\"inputs\":[{\"name\":\"INPUT0\","
                        + "\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1,2]}]}'";
            }
        },
        /** It answers each request any number of times. */
        DECOUPLED("Decoupled", "multiplies numbers and answers with one after the other",
                "The answer is one event for each number: `3.0`, then `6.0`.") {
            @Override
            String request(String model) {
                return "curl -N localhost:8000/v2/models/" + model + "/generate_stream -d '{\"INPUT0\":[1,2]}'";
            }
        };

        private final String prefix;
        private final String does;
        private final String answer;

        Kind(String prefix, String does, String answer) {
            this.prefix = prefix;
            this.does = does;
            this.answer = answer;
        }

        /** Returns the command that asks the sample model. */
        abstract String request(String model);

        private String template(String name) {
            return prefix + name;
        }

        private String configTemplate() {
            return this == PLAIN ? "config.pbtxt" : "decoupled-config.pbtxt";
        }
    }

    private static final Pattern PLACEHOLDER = Pattern.compile("@([A-Za-z0-9.]+)@");

    /**
     * Returns the project with those names, of a backend that answers each request once.
     *
     * @param repository the Maven repository that has the backend API
     */
    static BackendProject of(ProjectNames names, URI repository) {
        return of(names, Kind.PLAIN, repository);
    }

    /**
     * Returns the project with those names.
     *
     * @param repository the Maven repository that has the backend API
     */
    static BackendProject of(ProjectNames names, Kind kind, URI repository) {
        String folder = names.packageName().replace('.', '/') + "/" + names.classPrefix();
        String source = "src/main/java/" + folder + "BackendFactory.java";
        String test = "src/test/java/" + folder + "ContractTest.java";
        Properties versions = versions();
        Map<String, String> values = Map.ofEntries(Map.entry("name", names.backend()),
                Map.entry("groupId", names.groupId()), Map.entry("package", names.packageName()),
                Map.entry("class", names.classPrefix()), Map.entry("model", names.model()),
                Map.entry("source", source), Map.entry("test", test), Map.entry("does", kind.does),
                Map.entry("request", kind.request(names.model())), Map.entry("answer", kind.answer),
                Map.entry("nereid.version", versions.getProperty("nereid")),
                Map.entry("nereid.repository", repository.toString().replace("&", "&amp;")),
                Map.entry("pf4j.version", versions.getProperty("pf4j")),
                Map.entry("junit.version", versions.getProperty("junit")),
                Map.entry("api.range", "&gt;=" + ApiVersion.MAJOR + "." + ApiVersion.MINOR + ".0 &amp; &lt;"
                        + (ApiVersion.MAJOR + 1) + ".0.0"));
        String models = "models/" + names.model();
        Map<String, String> files = new LinkedHashMap<>();
        files.put("pom.xml", fill("pom.xml", values));
        files.put(source, fill(kind.template("BackendFactory.java"), values));
        files.put(test, fill(kind.template("ContractTest.java"), values));
        files.put(models + "/config.pbtxt", fill(kind.configTemplate(), values));
        // A version directory must be there, and git keeps no empty ones.
        files.put(models + "/1/.gitkeep", "");
        files.put("README.md", fill("README.md", values));
        files.put(".gitignore", fill("gitignore", values));
        return new BackendProject(names, files);
    }

    /** Writes the files below a directory, which must not exist yet. */
    void write(Path directory) throws IOException {
        for (Map.Entry<String, String> file : files.entrySet()) {
            Path path = directory.resolve(file.getKey());
            Path parent = path.getParent();
            if (parent != null) {
                Files.createDirectories(parent);
            }
            Files.writeString(path, file.getValue());
        }
    }

    private static String fill(String template, Map<String, String> values) {
        return PLACEHOLDER.matcher(read(template + ".template")).replaceAll((MatchResult place) -> {
            String value = values.get(place.group(1));
            if (value == null) {
                throw new IllegalStateException("template '" + template + "' asks for '" + place.group(1) + "'");
            }
            return Matcher.quoteReplacement(value);
        });
    }

    private static String read(String resource) {
        try (InputStream stream = BackendProject.class.getResourceAsStream(resource)) {
            if (stream == null) {
                throw new IllegalStateException("resource '" + resource + "' is missing");
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Properties versions() {
        Properties versions = new Properties();
        try (InputStream stream = BackendProject.class.getResourceAsStream("versions.properties")) {
            versions.load(stream);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return versions;
    }
}
