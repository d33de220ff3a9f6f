package dev.nereid.isolation.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * Control groups in a directory of a test, which keep the rules of the system: files of controllers are there where the
 * parent hands them on, a group with processes hands nothing on but the root, and a group with processes can't be removed.
 */
public final class FakeKernel extends ControlFiles {
    static final String ROOT_GROUP = "fs";
    private static final List<String> MEMORY_FILES = List.of("memory.max", "memory.swap.max", "memory.oom.group");

    private final Path proc;
    private final Path root;
    final Set<Path> delegated = new HashSet<>();
    final Set<Path> ofRoot = new HashSet<>();
    final Set<Path> readOnly = new HashSet<>();
    final Set<Long> own = new TreeSet<>(Set.of(ProcessHandle.current().pid()));
    final Set<Long> dead = new HashSet<>();
    /** What is not handed on, as if it were in use elsewhere. */
    boolean isMemoryTaken;
    /** Which a process is started by while others are moved; 0 for none. */
    long newcomer;

    /** Makes the root group. */
    public FakeKernel(Path directory) throws IOException {
        super(directory.resolve("proc"));
        proc = directory.resolve("proc");
        root = directory.resolve(ROOT_GROUP);
        Files.createDirectories(proc.resolve("self"));
        Files.writeString(proc.resolve("self/mountinfo"), """
                25 30 0:23 / /proc rw,nosuid - proc proc rw
                41 31 0:38 / %s rw,relatime - cgroup2 cgroup2 rw
                """.formatted(root));
        Files.createDirectory(root);
        Files.writeString(root.resolve("cgroup.controllers"), "cpu io memory pids\n");
        Files.writeString(root.resolve("cgroup.subtree_control"), "");
        Files.writeString(root.resolve("cgroup.procs"), "");
    }

    /** Returns what makes groups in it. */
    public MemoryGroups memoryGroups() {
        return new MemoryGroups(this);
    }

    /** Makes the groups of a path, which all hand memory on. */
    Path group(String path) throws IOException {
        Path group = root;
        for (Path name : Path.of(path)) {
            Files.writeString(group.resolve("cgroup.subtree_control"), "memory\n");
            group = group.resolve(name);
            if (!Files.exists(group)) {
                make(group);
            }
        }
        return group;
    }

    /** Has this process, and others, be in a group. */
    public Path serverIn(String path, long... others) throws IOException {
        Path group = path.isEmpty() ? root : group(path);
        Files.writeString(proc.resolve("self/cgroup"), "1:name=systemd:/\n0::/" + path + "\n");
        StringBuilder all = new StringBuilder(ProcessHandle.current().pid() + "\n");
        for (long other : others) {
            all.append(other).append('\n');
        }
        Files.writeString(group.resolve("cgroup.procs"), all);
        return group;
    }

    /** Has things have happened in a group. */
    public void events(Path group, int oom, int kills) throws IOException {
        Files.writeString(group.resolve("memory.events"),
                "low 0\nhigh 0\nmax 12\noom " + oom + "\noom_kill " + kills + "\noom_group_kill " + kills + "\n");
    }

    /** Has all processes of a group be gone. */
    public void empty(Path group) throws IOException {
        Files.writeString(group.resolve("cgroup.procs"), "");
    }

    @Override
    Set<Long> ownProcesses() {
        return own;
    }

    @Override
    boolean isAlive(long pid) {
        return !dead.contains(pid);
    }

    @Override
    boolean isDelegated(Path group) {
        return delegated.contains(group);
    }

    @Override
    boolean isOfRoot(Path group) {
        return ofRoot.contains(group);
    }

    @Override
    boolean isWritable(Path path) {
        return !readOnly.contains(path);
    }

    @Override
    void make(Path group) throws IOException {
        super.make(group);
        boolean hasMemory = Files.readString(group.resolveSibling("cgroup.subtree_control")).contains("memory");
        Files.writeString(group.resolve("cgroup.controllers"), hasMemory ? "memory\n" : "\n");
        Files.writeString(group.resolve("cgroup.subtree_control"), "");
        Files.writeString(group.resolve("cgroup.procs"), "");
        Files.writeString(group.resolve("cgroup.type"), "domain\n");
        if (hasMemory) {
            for (String file : MEMORY_FILES) {
                Files.writeString(group.resolve(file), "");
            }
            events(group, 0, 0);
        }
    }

    @Override
    void write(Path file, String value) throws IOException {
        Path group = Objects.requireNonNull(file.getParent());
        switch (file.getFileName().toString()) {
            case "cgroup.procs" -> enter(group, value);
            case "cgroup.subtree_control" -> handOn(group, value);
            default -> {
                if (!Files.exists(file)) {
                    throw new java.nio.file.NoSuchFileException(file.toString());
                }
                Files.writeString(file, value + "\n");
            }
        }
    }

    private void enter(Path group, String pid) throws IOException {
        if (dead.contains(Long.parseLong(pid))) {
            throw new IOException("No such process");
        }
        if (!Files.readString(group.resolve("cgroup.subtree_control")).isBlank() && !group.equals(root)) {
            throw new IOException("Device or resource busy");
        }
        try (java.util.stream.Stream<Path> all = Files.walk(root)) {
            for (Path procs : all.filter(each -> each.endsWith("cgroup.procs")).toList()) {
                List<String> left = Files.readAllLines(procs).stream().filter(each -> !each.equals(pid)).toList();
                Files.write(procs, left);
            }
        }
        Files.writeString(group.resolve("cgroup.procs"), pid + "\n", java.nio.file.StandardOpenOption.APPEND);
    }

    private void handOn(Path group, String value) throws IOException {
        Path procs = group.resolve("cgroup.procs");
        if (newcomer != 0) {
            own.add(newcomer);
            Files.writeString(procs, newcomer + "\n", java.nio.file.StandardOpenOption.APPEND);
            newcomer = 0;
        }
        if (isMemoryTaken || (!Files.readString(procs).isBlank() && !group.equals(root))) {
            throw new IOException("Device or resource busy");
        }
        Files.writeString(group.resolve("cgroup.subtree_control"), value.substring(1) + "\n");
    }

    @Override
    void remove(Path group) throws IOException {
        if (!Files.readString(group.resolve("cgroup.procs")).isBlank() || !groups(group).isEmpty()) {
            throw new IOException("Device or resource busy");
        }
        try (java.util.stream.Stream<Path> files = Files.list(group)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        super.remove(group);
    }
}
