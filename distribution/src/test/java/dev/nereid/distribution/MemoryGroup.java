package dev.nereid.distribution;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/** A control group of the system that bounds the memory of the processes in it. */
final class MemoryGroup implements AutoCloseable {
    private static final Path ROOT = Path.of("/sys/fs/cgroup");

    private final Path directory;

    private MemoryGroup(Path directory) {
        this.directory = directory;
    }

    /** Makes a group, where this process may. */
    static Optional<MemoryGroup> create(long limitBytes) {
        return create(ROOT.resolve("memory"), "memory.limit_in_bytes", limitBytes)
                .or(() -> create(ROOT, "memory.max", limitBytes));
    }

    private static Optional<MemoryGroup> create(Path parent, String limit, long limitBytes) {
        Path directory = parent.resolve("nereid-it-" + ProcessHandle.current().pid());
        try {
            Files.createDirectory(directory);
        } catch (IOException e) {
            return Optional.empty();
        }
        MemoryGroup group = new MemoryGroup(directory);
        try {
            // The system has made the file with the directory; an ordinary directory has none.
            Files.writeString(directory.resolve(limit), Long.toString(limitBytes), StandardOpenOption.WRITE);
            return Optional.of(group);
        } catch (IOException e) {
            group.close();
            return Optional.empty();
        }
    }

    /** Returns the command of a shell by which it enters. */
    String enter() {
        return "echo $$ > " + directory.resolve("cgroup.procs");
    }

    /** Removes the group; the processes in it have ended. */
    @Override
    public void close() {
        try {
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            System.err.println("the control group " + directory + " stays: " + e.getMessage());
        }
    }
}
