package dev.nereid.isolation.memory;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The limit of the memory of one process: a control group, or a number that its resident memory is compared with again and
 * again. Threads: any.
 */
public final class MemoryLimit {
    private static final Logger LOGGER = System.getLogger(MemoryLimit.class.getName());

    private final long bytes;
    private final MemoryGroups groups;
    private volatile Optional<Path> group;

    MemoryLimit(long bytes, MemoryGroups groups, Optional<Path> group) {
        this.bytes = bytes;
        this.groups = groups;
        this.group = group;
    }

    /** Applies it to a process that has just been started. */
    public void apply(long pid) {
        Optional<Path> made = group;
        if (made.isEmpty()) {
            return;
        }
        try {
            groups.enter(pid, made.get());
        } catch (IOException e) {
            LOGGER.log(Level.WARNING,
                    "the memory of process " + pid + " is watched, because it can't be put into group "
                            + made.get() + ": " + e.getMessage());
            close();
        }
    }

    /** Returns why a process that occupies so much has to be ended; empty where it may go on, or the system sees to that. */
    public Optional<String> passed(long residentBytes) {
        return group.isPresent() || residentBytes <= bytes
                ? Optional.empty()
                : Optional.of("was ended, because it occupied " + mebibytes(residentBytes) + " of memory, its limit is "
                        + mebibytes(bytes));
    }

    /** Returns why the system has ended the process; empty where that was not for this limit. */
    public Optional<String> kill() {
        return group.filter(groups::hasKilled)
                .map(made -> "was ended by the system, because it needed more memory than "
                        + mebibytes(bytes) + ", its limit");
    }

    private static String mebibytes(long bytes) {
        return (bytes >> 20) + " MiB";
    }

    /** Removes what was made for a process that has ended. */
    public void close() {
        Optional<Path> made = group;
        group = Optional.empty();
        made.ifPresent(groups::remove);
    }
}
