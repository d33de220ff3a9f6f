package dev.nereid.engine.sharedmemory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.gpu.GpuDriver;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClientSharedMemoryTest {
    @TempDir
    private Path parent;

    private Path objects;

    @AutoClose
    private final Arena arena = Arena.ofConfined();

    @AutoClose
    private ClientSharedMemory memory = new ClientSharedMemory(Path.of("."), GpuDriver.none("this is a test"));

    @BeforeEach
    void makeObject() throws IOException {
        objects = Files.createDirectory(parent.resolve("shm"));
        memory = new ClientSharedMemory(objects, GpuDriver.none("this is a test"));
        byte[] content = new byte[64];
        content[16] = 7;
        Files.write(objects.resolve("object"), content);
    }

    private byte firstByte(SharedRange range) {
        MemorySegment bytes = arena.allocate(range.byteSize());
        range.read(bytes);
        return bytes.get(ValueLayout.JAVA_BYTE, 0);
    }

    private InferenceException failure(String key, long offset, long size) {
        return assertThrows(InferenceException.class, () -> memory.register("r", key, offset, size));
    }

    @ParameterizedTest
    @ValueSource(strings = {"object", "/object", "//object"})
    void mapsTheObjectThatTheKeyNames(String key) {
        memory.register("r", key, 16, 8);

        try (ClientSharedMemory.Lease lease = memory.lease()) {
            assertEquals(7, firstByte(lease.resolve("r", 0, 8)));
        }
        assertEquals(List.of(new RegionStatus("r", key, 16, 8)), memory.status());
        assertEquals("r", memory.status("r").name());
    }

    @Test
    void writesThrough() throws IOException {
        memory.register("r", "/object", 0, 64);

        try (ClientSharedMemory.Lease lease = memory.lease()) {
            lease.resolve("r", 3, 1).write(arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 42));
        }

        assertEquals(42, Files.readAllBytes(objects.resolve("object"))[3]);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "/", "///"})
    void refusesKeysWithoutAName(String key) {
        InferenceException failure = failure(key, 0, 8);

        assertEquals(StatusCode.INVALID_ARG, failure.code());
        assertEquals("cannot register shared memory region 'r' - invalid shm key '" + key + "'", failure.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"triton_python_backend_shm_region_1", "///triton_python_backend_shm_region_x"})
    void refusesTheReservedPrefix(String key) {
        assertEquals("cannot register shared memory region 'r' with key '" + key + "' as the key contains the reserved "
                + "prefix 'triton_python_backend_shm_region_'", failure(key, 0, 8).getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"nope", ".", "..", "../secret", "/../secret", "sub/object", "object/", "link", "directory",
        "linked/object", "a\u0000b", "/./object"})
    void opensNothingButObjects(String key) throws IOException {
        Files.write(parent.resolve("secret"), new byte[64]);
        Files.createSymbolicLink(objects.resolve("link"), parent.resolve("secret"));
        Files.createDirectory(objects.resolve("directory"));
        Files.createSymbolicLink(objects.resolve("linked"), objects);

        InferenceException failure = failure(key, 0, 8);

        assertEquals(StatusCode.INTERNAL, failure.code());
        assertEquals("Unable to open shared memory region: '" + key + "'", failure.getMessage());
    }

    @ParameterizedTest
    @CsvSource({"0,65", "64,1", "65,0", "0,0", "-1,2", "0,-1", "60,5", "9223372036854775807,9223372036854775807"})
    void refusesPartsThatAreNotInside(long offset, long size) throws IOException {
        assertEquals("failed to register shared memory region 'r': invalid args",
                failure("/object", offset, size).getMessage());
        assertEquals(64, Files.size(objects.resolve("object")));
    }

    @Test
    void refusesASecondRegionOfTheName() {
        memory.register("r", "/object", 0, 64);

        assertEquals("shared memory region 'r' already in manager", failure("/object", 0, 8).getMessage());
    }

    @ParameterizedTest
    @CsvSource({"64,0,offset", "65,1,offset", "-1,1,offset", "60,5,offset + byte size", "0,65,offset + byte size",
        "1,9223372036854775807,offset + byte size"})
    void resolvesNothingOutside(long offset, long size, String what) {
        memory.register("r", "/object", 0, 64);

        try (ClientSharedMemory.Lease lease = memory.lease()) {
            InferenceException failure = assertThrows(InferenceException.class, () -> lease.resolve("r", offset, size));
            assertEquals(StatusCode.INVALID_ARG, failure.code());
            assertEquals("Invalid " + what + " for shared memory region: 'r'", failure.getMessage());
        }
    }

    @Test
    void keepsARegionThatIsInUseMapped() {
        memory.register("r", "/object", 0, 64);
        SharedRange part;
        try (ClientSharedMemory.Lease lease = memory.lease(); ClientSharedMemory.Lease other = memory.lease()) {
            part = lease.resolve("r", 16, 1);

            memory.unregister("r");
            memory.unregister("r");

            assertEquals(7, firstByte(part));
            assertEquals(1, memory.status().size());
            // As in the reference, a request that comes meanwhile finds it as well.
            assertEquals(7, firstByte(other.resolve("r", 16, 1)));
        }
        assertEquals(List.of(), memory.status());
        assertThrows(IllegalStateException.class, () -> firstByte(part));
    }

    @Test
    void unmapsAtOnceWhereNobodyUsesIt() {
        memory.register("a", "/object", 0, 64);
        memory.register("b", "/object", 0, 64);

        memory.unregister("a");
        assertEquals(List.of("b"), memory.status().stream().map(RegionStatus::name).toList());
        memory.unregisterAll();
        assertEquals(List.of(), memory.status());
        memory.unregister("unknown");
    }

    @Test
    void knowsNoOtherRegion() {
        assertEquals("Unable to find system shared memory region: 'x'",
                assertThrows(InferenceException.class, () -> memory.status("x")).getMessage());
    }
}
