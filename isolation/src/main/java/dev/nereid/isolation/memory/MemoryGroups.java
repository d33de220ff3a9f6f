package dev.nereid.isolation.memory;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Limits the memory of worker processes, each of them by a control group of its own where the system allows that, else by
 * watching. Nothing is changed before the first limit is asked for. Threads: any.
 */
public final class MemoryGroups {
    private static final Logger LOGGER = System.getLogger(MemoryGroups.class.getName());
    private static final String PREFIX = "nereid-worker-";
    private static final Pattern NAME = Pattern.compile(PREFIX + "([0-9]{1,10})-[0-9]+");
    /** Of all servers in this process, whose groups may lie side by side. */
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final ControlFiles files;
    /** Groups that could not be removed yet. */
    @GuardedBy("this")
    private final List<Path> left = new ArrayList<>();
    @GuardedBy("this")
    private boolean isPrepared;
    @GuardedBy("this")
    private @Nullable GroupPlace place;

    MemoryGroups(ControlFiles files) {
        this.files = files;
    }

    /** Returns those of this machine. */
    public static MemoryGroups ofSystem() {
        return new MemoryGroups(new ControlFiles(Path.of("/proc")));
    }

    /** Returns how memory would be limited, in words for people. Changes nothing. */
    public String describe() {
        try {
            GroupPlace found = GroupPlace.find(files);
            return "by control groups in " + found.directory();
        } catch (IOException e) {
            return "by watching, because " + e.getMessage();
        }
    }

    /** Returns what limits the memory of a process that is about to be started to so many bytes. */
    public synchronized MemoryLimit limit(long bytes) {
        GroupPlace prepared = place();
        if (prepared == null) {
            return new MemoryLimit(bytes, this, Optional.empty());
        }
        removeLeft();
        Path group = prepared.directory().resolve(PREFIX + ProcessHandle.current().pid() + "-"
                + NUMBERS.incrementAndGet());
        try {
            files.make(group);
            try {
                files.write(group.resolve("memory.max"), Long.toString(bytes));
                writeIfThere(group.resolve("memory.swap.max"), "0");
                // A process that lost some of its threads' memory is of no use; nor is what it has started.
                writeIfThere(group.resolve("memory.oom.group"), "1");
            } catch (IOException e) {
                remove(group);
                throw e;
            }
        } catch (IOException e) {
            LOGGER.log(Level.WARNING, "the memory of a process is watched, because group " + group
                    + " can't be made: " + e.getMessage());
            return new MemoryLimit(bytes, this, Optional.empty());
        }
        return new MemoryLimit(bytes, this, Optional.of(group));
    }

    @GuardedBy("this")
    private @Nullable GroupPlace place() {
        if (!isPrepared) {
            isPrepared = true;
            try {
                GroupPlace found = GroupPlace.find(files);
                found.prepare(files);
                removeStale(found.directory());
                place = found;
                LOGGER.log(Level.INFO, "the memory of processes is limited by control groups in "
                        + found.directory());
            } catch (IOException e) {
                LOGGER.log(Level.INFO, "the memory of processes is limited by watching, because " + e.getMessage());
            }
        }
        return place;
    }

    private void writeIfThere(Path file, String value) throws IOException {
        try {
            files.write(file, value);
        } catch (NoSuchFileException e) {
            LOGGER.log(Level.DEBUG, () -> "this system has no " + file.getFileName());
        }
    }

    /** Removes the groups of servers that are gone. */
    @GuardedBy("this")
    private void removeStale(Path directory) throws IOException {
        for (Path group : files.groups(directory)) {
            Matcher name = NAME.matcher(String.valueOf(group.getFileName()));
            if (name.matches() && !files.isAlive(Long.parseLong(name.group(1)))) {
                remove(group);
            }
        }
    }

    /** Puts a process into a group. */
    void enter(long pid, Path group) throws IOException {
        files.write(group.resolve("cgroup.procs"), Long.toString(pid));
    }

    /** Returns whether the system has ended a process of a group, because the group was at its limit. */
    boolean hasKilled(Path group) {
        try {
            List<String> events = files.read(group.resolve("memory.events"));
            // Of those that the system ends where others need the memory, only the second is told.
            return isCounted(events, "oom") && isCounted(events, "oom_kill");
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> "what happened in group " + group + " can't be read: " + e);
            return false;
        }
    }

    private static boolean isCounted(List<String> events, String event) {
        return events.stream().anyMatch(line -> line.startsWith(event + " ") && !line.equals(event + " 0"));
    }

    /** Removes a group whose process has ended; later, where the system is not done with it yet. */
    synchronized void remove(Path group) {
        try {
            files.remove(group);
        } catch (NoSuchFileException e) {
            // Somebody else has removed it.
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> "group " + group + " can't be removed yet: " + e);
            left.add(group);
        }
    }

    /** Removes what could not be removed before. */
    public synchronized void removeLeft() {
        List<Path> again = List.copyOf(left);
        left.clear();
        again.forEach(this::remove);
    }
}
