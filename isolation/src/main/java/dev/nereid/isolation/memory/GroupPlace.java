package dev.nereid.isolation.memory;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/**
 * Where groups can be made for worker processes: in the server's own group, or beside it. A group that has processes can't
 * limit the memory of groups in it; so where the server has a group to itself, it moves into one in that.
 *
 * @param directory the group in which others are made
 * @param movesServer whether the server has to go into a group in it first
 */
record GroupPlace(Path directory, boolean movesServer) {
    /** The group that the server moves itself into. */
    static final String SERVER = "nereid-server";
    private static final String PROCESSES = "cgroup.procs";
    private static final String CHILDREN = "cgroup.subtree_control";
    private static final String MEMORY = "memory";
    private static final Set<String> UNITS = Set.of("service", "scope", "slice");
    /** How often processes are moved that may start others meanwhile. */
    private static final int ATTEMPTS = 5;

    /**
     * Looks for a place, and changes nothing.
     *
     * @throws IOException with why there is none, in words for people
     */
    static GroupPlace find(ControlFiles files) throws IOException {
        Path own = files.own().orElseThrow(() -> new IOException("there are no control groups of version 2 here"));
        Path parent = own.getParent();
        if (parent != null && (isNamed(own, SERVER) || files.isDelegated(parent)) && isWritable(parent, files)
                && hasMemory(parent, "cgroup.controllers", files) && processes(parent, files).isEmpty()) {
            return new GroupPlace(parent, false);
        }
        if (!hasMemory(own, "cgroup.controllers", files)) {
            throw new IOException("group " + own + " has no memory controller");
        }
        if (!isWritable(own, files)) {
            throw new IOException("group " + own + " can't be written to");
        }
        if (isUnit(own) && !files.isDelegated(own) && files.isOfRoot(own)) {
            throw new IOException("group " + own + " is the service manager's, a unit with Delegate=yes has its own");
        }
        if (!files.exists(own.resolve("cgroup.type"))) {
            // The root of all groups may have processes.
            return new GroupPlace(own, false);
        }
        List<Long> others = processes(own, files);
        others.removeAll(files.ownProcesses());
        if (!others.isEmpty()) {
            throw new IOException("group " + own + " has other processes, too");
        }
        return new GroupPlace(own, true);
    }

    /**
     * Has the system limit the memory of groups in this one.
     *
     * @throws IOException with why it can't; everything is then as it was
     */
    void prepare(ControlFiles files) throws IOException {
        if (hasMemory(directory, CHILDREN, files)) {
            return;
        }
        if (!movesServer) {
            files.write(directory.resolve(CHILDREN), "+" + MEMORY);
            return;
        }
        Path server = directory.resolve(SERVER);
        if (!files.exists(server)) {
            files.make(server);
        }
        try {
            enableAfterMoveTo(server, files);
        } catch (IOException e) {
            try {
                for (long pid : processes(server, files)) {
                    move(pid, directory, files);
                }
                files.remove(server);
            } catch (IOException undo) {
                e.addSuppressed(undo);
            }
            throw e;
        }
    }

    private void enableAfterMoveTo(Path server, ControlFiles files) throws IOException {
        for (int attempt = 1;; attempt++) {
            for (long pid : processes(directory, files)) {
                // Those that this one is not to see have the number 0, which means itself to who writes it.
                if (pid == 0 || (!files.ownProcesses().contains(pid) && files.isAlive(pid))) {
                    throw new IOException("group " + directory + " has other processes, too");
                }
                move(pid, server, files);
            }
            try {
                files.write(directory.resolve(CHILDREN), "+" + MEMORY);
                return;
            } catch (IOException e) {
                if (attempt == ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    /** Puts a process into a group. One that has ended needs none. */
    static void move(long pid, Path group, ControlFiles files) throws IOException {
        try {
            files.write(group.resolve(PROCESSES), Long.toString(pid));
        } catch (IOException e) {
            if (files.isAlive(pid)) {
                throw e;
            }
        }
    }

    static List<Long> processes(Path group, ControlFiles files) throws IOException {
        List<Long> all = new java.util.ArrayList<>();
        for (String line : files.read(group.resolve(PROCESSES))) {
            all.add(Long.parseLong(line.strip()));
        }
        return all;
    }

    private static boolean hasMemory(Path group, String file, ControlFiles files) throws IOException {
        return files.exists(group.resolve(file))
                && files.read(group.resolve(file)).stream().anyMatch(line -> List.of(line.split(" ")).contains(MEMORY));
    }

    private static boolean isWritable(Path group, ControlFiles files) {
        return files.isWritable(group) && files.isWritable(group.resolve(PROCESSES))
                && files.isWritable(group.resolve(CHILDREN));
    }

    private static boolean isUnit(Path group) {
        String name = String.valueOf(group.getFileName());
        return UNITS.contains(name.substring(name.lastIndexOf('.') + 1));
    }

    private static boolean isNamed(Path group, String name) {
        return String.valueOf(group.getFileName()).equals(name);
    }
}
