package dev.nereid.isolation.memory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Control groups of Linux, version 2, as the directories and files that the system shows them as. Threads: any. */
class ControlFiles {
    private static final String DELEGATED = "delegate";
    private static final int ROOT = 0;

    private final Path proc;

    /** Creates it for where {@code /proc} is. */
    ControlFiles(Path proc) {
        this.proc = proc;
    }

    /** Returns the directory of the group that this process is in; empty where it can't be seen. */
    Optional<Path> own() throws IOException {
        for (String line : read(proc.resolve("self/cgroup"))) {
            if (line.startsWith("0::/")) {
                return seen(line.substring("0::".length()));
            }
        }
        return Optional.empty();
    }

    /** Returns where a group is seen; its name and those of the mounts begin at the same root. */
    private Optional<Path> seen(String group) throws IOException {
        for (String line : read(proc.resolve("self/mountinfo"))) {
            int type = line.indexOf(" - cgroup2 ");
            if (type < 0) {
                continue;
            }
            List<String> fields = List.of(line.substring(0, type).split(" "));
            if (fields.size() < 5) {
                continue;
            }
            Path root = Path.of(unescaped(fields.get(3)));
            Path path = Path.of(group);
            if (path.startsWith(root) && !group.contains("..")) {
                Path directory = Path.of(unescaped(fields.get(4))).resolve(root.relativize(path)).normalize();
                return Optional.of(directory).filter(Files::isDirectory);
            }
        }
        return Optional.empty();
    }

    private static String unescaped(String field) {
        return field.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\");
    }

    /** Returns this process and all that it has started. */
    Set<Long> ownProcesses() {
        ProcessHandle self = ProcessHandle.current();
        return Stream.concat(Stream.of(self), self.descendants()).map(ProcessHandle::pid).collect(Collectors.toSet());
    }

    boolean isAlive(long pid) {
        return ProcessHandle.of(pid).isPresent();
    }

    /** Returns whether a service manager has marked a group as one that it leaves to whoever is in it. */
    boolean isDelegated(Path group) {
        try {
            UserDefinedFileAttributeView view = Files.getFileAttributeView(group, UserDefinedFileAttributeView.class);
            if (view == null || !view.list().contains(DELEGATED)) {
                return false;
            }
            ByteBuffer value = ByteBuffer.allocate(view.size(DELEGATED));
            int ignored = view.read(DELEGATED, value);
            return StandardCharsets.US_ASCII.decode(value.flip()).toString().equals("1");
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        }
    }

    /** Returns whether a group belongs to the system's administrator. */
    boolean isOfRoot(Path group) throws IOException {
        return !FileSystems.getDefault().supportedFileAttributeViews().contains("unix")
                || Files.getAttribute(group, "unix:uid").equals(ROOT);
    }

    boolean isWritable(Path path) {
        return Files.isWritable(path);
    }

    boolean exists(Path path) {
        return Files.exists(path);
    }

    List<String> read(Path file) throws IOException {
        return Files.readAllLines(file);
    }

    /** Tells the system something, which refuses with an exception. */
    void write(Path file, String value) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            int ignored = channel.write(ByteBuffer.wrap(value.getBytes(StandardCharsets.US_ASCII)));
        }
    }

    /** Returns the groups in a group. */
    List<Path> groups(Path group) throws IOException {
        List<Path> groups = new ArrayList<>();
        try (Stream<Path> all = Files.list(group)) {
            all.filter(Files::isDirectory).forEach(groups::add);
        }
        return groups;
    }

    void make(Path group) throws IOException {
        Path ignored = Files.createDirectory(group);
    }

    /** Removes a group, which has no processes any more. */
    void remove(Path group) throws IOException {
        Files.delete(group);
    }
}
