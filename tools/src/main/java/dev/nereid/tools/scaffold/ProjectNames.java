package dev.nereid.tools.scaffold;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.lang.model.SourceVersion;

/**
 * The names in a new backend's project, all of them usable.
 *
 * @param backend the backend's name, which is the project's, too
 * @param groupId the Maven group
 * @param packageName the Java package
 */
record ProjectNames(String backend, String groupId, String packageName) {
    static final String DEFAULT_GROUP = "com.example";

    private static final int LONGEST = 50;
    private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9]*([-_][a-z0-9]+)*");
    private static final Pattern GROUP = Pattern.compile("[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*");
    private static final Pattern SEPARATOR = Pattern.compile("[-_]");
    /** Of backends that come with Nereid; and words that would name two classes alike. */
    private static final Set<String> TAKEN = Set.of("identity", "pytorch", "tensorrt", "onnxruntime", "ensemble",
            "backend");
    /** The server's class loader takes what is in there from the server. */
    private static final List<String> SERVER_PACKAGES = List.of("dev.nereid.backend.api", "java", "javax", "org.pf4j");

    ProjectNames {
        if (!NAME.matcher(backend).matches() || backend.length() > LONGEST) {
            throw new UsageException("'" + backend + "' can't be the name of a new backend, expected up to " + LONGEST
                    + " small letters and digits, a letter first, with '-' or '_' between words, such as 'text-tagger'");
        }
        if (TAKEN.contains(backend)) {
            throw new UsageException("the name '" + backend + "' is taken, choose another one");
        }
        if (!GROUP.matcher(groupId).matches()) {
            throw new UsageException("--group-id is '" + groupId + "', expected a Maven group such as 'com.example'");
        }
        if (!SourceVersion.isName(packageName)) {
            throw new UsageException(
                    "'" + packageName + "' is no Java package; name one, such as --package=com.example.mine");
        }
        for (String taken : SERVER_PACKAGES) {
            if (packageName.equals(taken) || packageName.startsWith(taken + ".")) {
                throw new UsageException("package '" + packageName + "' is the server's, choose another one");
            }
        }
    }

    /** Returns the package that a backend gets when none is asked for. */
    static String defaultPackage(String backend, String groupId) {
        String word = SEPARATOR.matcher(backend).replaceAll("");
        return groupId + "." + (SourceVersion.isKeyword(word) ? word + "backend" : word);
    }

    /** Returns what the classes' names begin with. */
    String classPrefix() {
        return Arrays.stream(SEPARATOR.split(backend))
                .map(word -> Character.toUpperCase(word.charAt(0)) + word.substring(1)).collect(Collectors.joining());
    }

    /** Returns the name of the sample model. */
    String model() {
        return backend.replace('-', '_') + "_sample";
    }
}
