package dev.nereid.engine.gpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.repository.config.Devices.ComputeCapability;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The calls into C, with libraries that stand in for the driver's. They are compiled here, where there is a compiler. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NativeGpuDriverTest {
    private static final String MISSING = "libnereid-no-such-library.so.1";

    private Path directory = Path.of("");
    private String cuda = "";
    private String management = "";

    @AutoClose
    private final Arena arena = Arena.ofShared();

    @BeforeAll
    void compile(@TempDir Path temporary) throws IOException, InterruptedException {
        directory = temporary;
        assumeTrue(hasCompiler(), "skipped: there is no C compiler 'cc'");
        cuda = library("cuda_stub", "libcuda-stub.so");
        management = library("nvml_stub", "libnvml-stub.so", "-DINIT_STATUS=0");
    }

    private static boolean hasCompiler() throws InterruptedException {
        try {
            Process process = new ProcessBuilder("cc", "--version").redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
            return process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private String library(String source, String name, String... flags) throws IOException, InterruptedException {
        Path file = directory.resolve(source + ".c");
        try (InputStream code = NativeGpuDriverTest.class.getResourceAsStream(source + ".c")) {
            Files.write(file, code == null ? new byte[0] : code.readAllBytes());
        }
        Path library = directory.resolve(name);
        List<String> command = new ArrayList<>(List.of("cc", "-shared", "-fPIC", "-o", library.toString()));
        command.addAll(List.of(flags));
        command.add(file.toString());
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue(), "cc failed");
        return library.toString();
    }

    private static byte[] goodHandle() {
        byte[] handle = new byte[GpuDriver.IPC_HANDLE_SIZE];
        for (int i = 0; i < handle.length; i++) {
            handle[i] = (byte) i;
        }
        return handle;
    }

    @Test
    void finds() {
        try (GpuDriver driver = NativeGpuDriver.open(cuda, management)) {
            assertEquals(new GpuDriver.Report(true, "13.3", "595.12.01", true), driver.report());
            assertEquals(List.of(new Gpu(0, "Stub GPU", "GPU-f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff",
                    new ComputeCapability(8, 6), 5_000_000_000L)), driver.gpus());
        }
    }

    @Test
    void tellsWhatTheGpuTells() {
        try (GpuDriver driver = NativeGpuDriver.open(cuda, management)) {
            assertEquals(new GpuUse(OptionalDouble.of(0.4), OptionalDouble.of(5e9), OptionalDouble.of(1e9),
                    OptionalDouble.of(71.5), OptionalDouble.empty(), OptionalDouble.empty()),
                    driver.use(driver.gpus().getFirst()));
        }
    }

    @Test
    void copiesFromAndToMemoryOfAnotherProcess() throws GpuException {
        try (GpuDriver driver = NativeGpuDriver.open(cuda, management);
                DeviceMemory memory = driver.openIpc(driver.gpus().getFirst(), goodHandle())) {
            assertEquals(4096, memory.byteSize());
            memory.write(4000, arena.allocateFrom(ValueLayout.JAVA_BYTE, (byte) 1, (byte) 2, (byte) 3));
            MemorySegment target = arena.allocate(2);
            memory.read(4001, target);
            assertArrayEquals(new byte[]{2, 3}, target.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    @Test
    void saysWhatTheDriverSays() {
        try (GpuDriver driver = NativeGpuDriver.open(cuda, management)) {
            Gpu gpu = driver.gpus().getFirst();
            byte[] wrong = new byte[GpuDriver.IPC_HANDLE_SIZE];

            assertEquals("invalid argument",
                    assertThrows(GpuException.class, () -> driver.openIpc(gpu, wrong)).getMessage());
            assertEquals("out of memory",
                    assertThrows(GpuException.class, () -> driver.pin(gpu, 1L << 30)).getMessage());
        }
    }

    @Test
    void pinsMemory() throws GpuException {
        try (GpuDriver driver = NativeGpuDriver.open(cuda, management)) {
            MemorySegment memory = driver.pin(driver.gpus().getFirst(), 4096);

            assertEquals(4096, memory.byteSize());
            memory.fill((byte) 7);
        }
    }

    @Test
    void isNotThereWithoutItsLibrary() {
        try (GpuDriver driver = NativeGpuDriver.open(MISSING, MISSING)) {
            assertFalse(driver.report().isPresent());
            assertEquals("no NVIDIA driver: " + MISSING + " is not installed", driver.report().cuda());
            assertEquals(List.of(), driver.gpus());
        }
    }

    @Test
    void worksWithoutManagement() throws IOException, InterruptedException {
        String refusing = library("nvml_stub", "libnvml-refusing.so", "-DINIT_STATUS=9");
        try (GpuDriver driver = NativeGpuDriver.open(cuda, refusing);
                GpuDriver without = NativeGpuDriver.open(cuda, MISSING)) {
            assertEquals(new GpuDriver.Report(true, "13.3", "Driver Not Loaded", false), driver.report());
            assertEquals(MISSING + " is not installed", without.report().management());
            assertEquals(GpuUse.UNKNOWN, without.use(without.gpus().getFirst()));
        }
    }

    @Test
    void bearsALibraryWithoutItsFunctions() {
        // The other stub is a library, but none of the driver's functions is in it.
        try (GpuDriver driver = NativeGpuDriver.open(/* cudaName= */ management, /* managementName= */ cuda)) {
            assertEquals(new GpuDriver.Report(true, "the driver has no function cuInit",
                    cuda + " has no function nvmlInit_v2", false), driver.report());
            assertEquals(List.of(), driver.gpus());
        }
    }
}
