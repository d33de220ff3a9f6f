package dev.nereid.isolation.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryGroupsTest {
    private static final long SERVER = ProcessHandle.current().pid();
    private static final long WORKER = 1_000_001;
    private static final long LIMIT = 64 << 20;

    @TempDir
    private Path directory;
    private FakeKernel kernel;
    private MemoryGroups groups;

    @BeforeEach
    void start() throws IOException {
        kernel = new FakeKernel(directory);
        groups = new MemoryGroups(kernel);
    }

    private static List<String> lines(Path file) throws IOException {
        return Files.readAllLines(file);
    }

    /** Returns the groups of workers in a group. */
    private List<Path> workers(Path group) throws IOException {
        return kernel.groups(group).stream()
                .filter(each -> each.getFileName().toString().startsWith("nereid-worker-")).toList();
    }

    /** Limits a process and returns its group. */
    private Path started(Path place) throws IOException {
        groups.limit(LIMIT).apply(WORKER);
        return workers(place).getFirst();
    }

    private void assertWatched(String reason) throws IOException {
        assertEquals("by watching, because " + reason, groups.describe());
        MemoryLimit limit = groups.limit(LIMIT);
        limit.apply(WORKER);
        assertEquals(Optional.empty(), limit.passed(LIMIT));
        assertEquals(Optional.of("was ended, because it occupied 65 MiB of memory, its limit is 64 MiB"),
                limit.passed(LIMIT + (1 << 20)));
        assertEquals(Optional.empty(), limit.kill());
        limit.close();
    }

    @Test
    void aServerWithAGroupToItselfMovesIntoOneInIt() throws IOException {
        Path own = kernel.serverIn("box", 77);
        kernel.own.add(77L);
        assertEquals("by control groups in " + own, groups.describe());
        assertEquals(List.of(), kernel.groups(own), "a look changes nothing");

        Path worker = started(own);

        assertEquals(List.of(Long.toString(SERVER), "77"), lines(own.resolve("nereid-server/cgroup.procs")));
        assertEquals(List.of("memory"), lines(own.resolve("cgroup.subtree_control")));
        assertEquals(List.of(Long.toString(WORKER)), lines(worker.resolve("cgroup.procs")));
        assertEquals(List.of(Long.toString(LIMIT)), lines(worker.resolve("memory.max")));
        assertEquals(List.of("0"), lines(worker.resolve("memory.swap.max")));
        assertEquals(List.of("1"), lines(worker.resolve("memory.oom.group")));
    }

    @Test
    void anotherServerOfTheProcessFindsTheGroupThatTheFirstOneMadeRoomIn() throws IOException {
        Path own = kernel.serverIn("box");
        Path first = started(own);
        kernel.empty(own.resolve("nereid-server"));
        Path ignored = kernel.serverIn("box/nereid-server");
        groups = new MemoryGroups(kernel);

        groups.limit(LIMIT).apply(WORKER + 1);

        List<Path> all = workers(own);
        assertEquals(2, all.size(), all::toString);
        assertTrue(all.contains(first), all::toString);
    }

    @Test
    void processesThatAreStartedMeanwhileAreMovedToo() throws IOException {
        Path own = kernel.serverIn("box");
        kernel.newcomer = 78;
        Path ignored = started(own);
        assertEquals(List.of(Long.toString(SERVER), "78"), lines(own.resolve("nereid-server/cgroup.procs")));
    }

    @Test
    void groupsLieBesideAServerWhoseParentIsHandedOver() throws IOException {
        Path own = kernel.serverIn("nereid.service/main");
        Path unit = kernel.group("nereid.service");
        kernel.delegated.add(unit);
        Files.writeString(unit.resolve("cgroup.subtree_control"), "");

        Path worker = started(unit);

        assertEquals(List.of(Long.toString(LIMIT)), lines(worker.resolve("memory.max")));
        assertEquals(List.of(Long.toString(SERVER)), lines(own.resolve("cgroup.procs")));
    }

    @Test
    void inTheRootNothingIsMoved() throws IOException {
        Path root = kernel.serverIn("", 99);
        Path worker = started(root);
        assertEquals(List.of(Long.toString(WORKER)), lines(worker.resolve("cgroup.procs")));
        assertEquals(List.of(Long.toString(SERVER), "99"), lines(root.resolve("cgroup.procs")));
    }

    @Test
    void theKillOfTheSystemIsToldApartFromOthers() throws IOException {
        Path own = kernel.serverIn("box");
        MemoryLimit limit = groups.limit(LIMIT);
        limit.apply(WORKER);
        Path worker = workers(own).getFirst();
        assertEquals(Optional.empty(), limit.passed(Long.MAX_VALUE), "the system sees to that");
        assertEquals(Optional.empty(), limit.kill());
        kernel.events(worker, 0, 1);
        assertEquals(Optional.empty(), limit.kill(), "the machine ran out of memory, not the group");
        kernel.events(worker, 1, 0);
        assertEquals(Optional.empty(), limit.kill());
        kernel.events(worker, 2, 10);
        assertEquals(Optional.of("was ended by the system, because it needed more memory than 64 MiB, its limit"),
                limit.kill());
    }

    @Test
    void aGroupGoesWithItsProcess() throws IOException {
        Path own = kernel.serverIn("box");
        MemoryLimit limit = groups.limit(LIMIT);
        limit.apply(WORKER);
        Path worker = workers(own).getFirst();

        limit.close();
        assertTrue(Files.exists(worker), "the system is not done with the process");
        kernel.empty(worker);
        groups.limit(LIMIT).close();
        assertEquals(List.of(), workers(own));
    }

    @Test
    void groupsOfServersThatAreGoneAreRemoved() throws IOException {
        Path own = kernel.serverIn("box");
        Path stale = kernel.group("box/nereid-worker-4711-3");
        Path living = kernel.group("box/nereid-worker-4712-1");
        Path foreign = kernel.group("box/other-4711-3");
        Files.writeString(own.resolve("cgroup.subtree_control"), "");
        kernel.dead.add(4711L);

        Path ignored = started(own);

        assertFalse(Files.exists(stale));
        assertTrue(Files.exists(living));
        assertTrue(Files.exists(foreign));
    }

    @Test
    void whereAGroupCantBeMadeTheReasonIsGiven() throws IOException {
        Path own = kernel.serverIn("box", 77);
        assertWatched("group " + own + " has other processes, too");
        assertEquals(List.of(), kernel.groups(own));

        kernel.own.add(77L);
        kernel.readOnly.add(own.resolve("cgroup.subtree_control"));
        assertWatched("group " + own + " can't be written to");

        Files.writeString(own.resolve("cgroup.controllers"), "cpu pids\n");
        assertWatched("group " + own + " has no memory controller");

        Path unit = kernel.serverIn("system/nereid.service");
        kernel.ofRoot.add(unit);
        assertWatched("group " + unit + " is the service manager's, a unit with Delegate=yes has its own");
        kernel.delegated.add(unit);
        assertEquals("by control groups in " + unit, groups.describe());

        Files.writeString(directory.resolve("proc/self/cgroup"), "4:memory:/box\n");
        assertWatched("there are no control groups of version 2 here");
        Files.writeString(directory.resolve("proc/self/cgroup"), "0::/../elsewhere\n");
        assertWatched("there are no control groups of version 2 here");
    }

    @Test
    void aServerThatMovedInVainMovesBack() throws IOException {
        Path own = kernel.serverIn("box");
        kernel.isMemoryTaken = true;
        MemoryLimit limit = groups.limit(LIMIT);
        assertTrue(limit.passed(LIMIT + 1).isPresent());
        assertEquals(List.of(Long.toString(SERVER)), lines(own.resolve("cgroup.procs")));
        assertEquals(List.of(), kernel.groups(own));
    }

    @Test
    void aProcessThatCantBePutIntoItsGroupIsWatched() throws IOException {
        Path own = kernel.serverIn("box");
        kernel.dead.add(WORKER);
        MemoryLimit limit = groups.limit(LIMIT);
        limit.apply(WORKER);
        assertTrue(limit.passed(LIMIT + 1).isPresent());
        assertEquals(List.of(), workers(own));
    }

    @Test
    void aGroupIsFoundWhereItsMountShowsIt() throws IOException {
        Path own = kernel.serverIn("box");
        Files.writeString(directory.resolve("proc/self/cgroup"), "0::/docker/4f/box\n");
        Files.writeString(directory.resolve("proc/self/mountinfo"), "41 31 0:38 /docker/4f "
                + directory.resolve(FakeKernel.ROOT_GROUP) + " rw,relatime shared:9 - cgroup2 cgroup2 rw\n");
        assertEquals(Optional.of(own), kernel.own());
        Files.writeString(directory.resolve("proc/self/cgroup"), "0::/docker/5f/box\n");
        assertEquals(Optional.empty(), kernel.own());
    }
}
