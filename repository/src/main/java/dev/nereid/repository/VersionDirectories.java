package dev.nereid.repository;

import dev.nereid.repository.config.FileFailures;
import dev.nereid.repository.config.ModelFiles;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelVersionPolicy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * The versions found in a model's directory, and what was strange about the others.
 *
 * @param versions in ascending order
 * @param warnings one sentence for each directory that looks like a version and is none
 */
record VersionDirectories(List<Long> versions, List<String> warnings) {
    private static final Set<String> RESERVED = Set.of("configs", "initial_state", "warmup");

    VersionDirectories {
        versions = List.copyOf(versions);
        warnings = List.copyOf(warnings);
    }

    /** Lists the versions in a directory; none where somebody is just removing it. */
    static VersionDirectories scan(Path modelDirectory) {
        TreeSet<Long> versions = new TreeSet<>();
        List<String> warnings = new ArrayList<>();
        try (Stream<Path> entries = Files.list(modelDirectory)) {
            entries.filter(Files::isDirectory).map(path -> String.valueOf(path.getFileName())).sorted()
                    .forEach(name -> add(name, versions, warnings));
        } catch (IOException | UncheckedIOException e) {
            warnings.add("failed to list model directory '" + modelDirectory + "': " + FileFailures.reason(e));
        }
        return new VersionDirectories(List.copyOf(versions), warnings);
    }

    private static void add(String name, Set<Long> versions, List<String> warnings) {
        if (RESERVED.contains(name) || ModelFiles.isLeftByTools(name)) {
            return;
        }
        if (!name.chars().allMatch(c -> c >= '0' && c <= '9')) {
            warnings.add("ignore version directory '" + name + "' which fails to convert to integral number");
            return;
        }
        if (name.length() > 1 && name.charAt(0) == '0') {
            warnings.add("ignore version directory '" + name + "' which contains leading zeros in its directory name");
            return;
        }
        try {
            versions.add(Long.parseLong(name));
        } catch (NumberFormatException e) {
            warnings.add("ignore version directory '" + name + "' which is out of range for a 64-bit integer");
        }
    }

    /** Returns the versions that the policy selects, in ascending order. */
    List<Long> select(ModelVersionPolicy policy) {
        return switch (policy.getPolicyChoiceCase()) {
            case SPECIFIC -> versions.stream().filter(policy.getSpecific().getVersionsList()::contains).toList();
            case LATEST -> {
                long count = Integer.toUnsignedLong(policy.getLatest().getNumVersions());
                yield versions.stream().skip(Math.max(0, versions.size() - count)).toList();
            }
            case ALL, POLICYCHOICE_NOT_SET -> versions;
        };
    }

    /** Returns a sentence for each version that the policy lists and that is not there. */
    List<String> missing(ModelConfig config) {
        if (!config.getVersionPolicy().hasSpecific()) {
            return Collections.emptyList();
        }
        return config.getVersionPolicy().getSpecific().getVersionsList().stream()
                .filter(version -> !versions.contains(version))
                .map(version -> "version " + version + " is specified for model '" + config.getName()
                        + "', but the version directory is not present")
                .toList();
    }
}
