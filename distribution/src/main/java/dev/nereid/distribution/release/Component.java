package dev.nereid.distribution.release;

import java.util.List;

/**
 * A library that is in the release.
 *
 * @param group its Maven group
 * @param artifact its Maven artifact
 * @param version its version
 * @param classifier its classifier; empty for none
 * @param licences the names of its licences, as its author writes them
 * @param sha256 the digest of its file, in hexadecimal
 * @param files where it lies, relative to the release
 */
record Component(String group, String artifact, String version, String classifier, List<String> licences,
        String sha256, List<String> files) {
    Component {
        licences = List.copyOf(licences);
        files = List.copyOf(files);
    }

    /** Returns what identifies it, for people. */
    String name() {
        return group + ":" + artifact + ":" + version + (classifier.isEmpty() ? "" : ":" + classifier);
    }

    /** Returns what identifies it in a bill of materials: a package URL. */
    String packageUrl() {
        return "pkg:maven/" + group + "/" + artifact + "@" + version + "?"
                + (classifier.isEmpty() ? "" : "classifier=" + classifier + "&") + "type=jar";
    }
}
