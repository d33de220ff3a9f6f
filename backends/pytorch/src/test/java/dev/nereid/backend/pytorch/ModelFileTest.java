package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class ModelFileTest extends TorchTest {
    private static final String SOURCE = "def forward(self, x):\n  return x * self.weight + 1.5\n";

    private Path file = Path.of("");

    @BeforeEach
    void writeModel() {
        file = TestScripts.write(directory.resolve("model"), SOURCE).resolve("1").resolve("model.pt");
    }

    private String failure() {
        InferenceException failure = assertThrows(InferenceException.class,
                () -> loadFile(simple("model").build()).close());
        assertEquals(StatusCode.INTERNAL, failure.code());
        assertTrue(failure.getMessage().startsWith("failed to load model 'model': "), failure.getMessage());
        return failure.getMessage().substring("failed to load model 'model': ".length());
    }

    private void zip(String... names) throws IOException {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (String name : names) {
                zip.putNextEntry(new ZipEntry(name));
                zip.write(1);
            }
        }
    }

    @Test
    void acceptsWhatTorchWrites() {
        loadFile(simple("model").build()).close();
    }

    @Test
    void namesAMissingFile() throws IOException {
        Files.delete(file);

        InferenceException failure = assertThrows(InferenceException.class,
                () -> loadFile(simple("model").build()).close());

        assertFailure(StatusCode.UNAVAILABLE, "unable to find '" + file + "' for model instance 'model'", failure);
    }

    @Test
    void staysInTheVersionDirectory() {
        InferenceException failure = assertThrows(InferenceException.class,
                () -> loadFile(simple("model").defaultModelFilename("../1/../../model.pt").build()).close());

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
    }

    @Test
    void takesTheConfiguredFileName() throws IOException {
        Files.move(file, file.resolveSibling("other.pt"));

        loadFile(simple("model").defaultModelFilename("other.pt").build()).close();
    }

    @Test
    void refusesADirectory() throws IOException {
        Files.delete(file);
        Files.createDirectory(file);

        assertEquals("it is a directory, expected a file", failure());
    }

    @Test
    void refusesAnEmptyFile() throws IOException {
        Files.write(file, new byte[0]);

        assertEquals("the file is empty", failure());
    }

    @Test
    void refusesText() throws IOException {
        Files.writeString(file, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");

        assertEquals("it is a text file, expected an archive made by torch.jit.save", failure());
    }

    @Test
    void refusesOtherBinaries() throws IOException {
        Files.write(file, new byte[]{1, 2, 3, 0});

        assertEquals("it is no zip archive, expected an archive made by torch.jit.save", failure());
    }

    @Test
    void refusesABarePickle() throws IOException {
        Files.write(file, new byte[]{(byte) 0x80, 2, '}', '.'});

        assertEquals("it is a bare pickle, not TorchScript; save the model with torch.jit.save", failure());
    }

    @Test
    void refusesWeightsWithoutCode() throws IOException {
        zip("archive/data.pkl", "archive/version", "archive/data/0");

        assertEquals("it holds weights but no code: it was written by torch.save, expected torch.jit.save", failure());
    }

    @Test
    void refusesAnExportedPackage() throws IOException {
        zip("model/archive_format", "model/data/aotinductor/model/x.so");

        assertEquals("it is a package of torch.export, expected TorchScript made by torch.jit.save; a package that is"
                + " compiled by AOTInductor is served as model.pt2 with platform 'torch_aoti'", failure());
    }

    @Test
    void refusesOtherArchives() throws IOException {
        zip("META-INF/MANIFEST.MF");

        assertEquals("the archive lacks data.pkl constants.pkl code/ and is no TorchScript archive", failure());
    }

    /** Puts a statement into forward. */
    private void insert(String statement) throws IOException {
        Path changed = directory.resolve("changed.pt");
        try (ZipFile from = new ZipFile(file.toFile());
                ZipOutputStream to = new ZipOutputStream(Files.newOutputStream(changed))) {
            for (ZipEntry entry : (Iterable<ZipEntry>) from.stream().map(ZipEntry.class::cast)::iterator) {
                byte[] content = from.getInputStream(entry).readAllBytes();
                if (entry.getName().endsWith(".py")) {
                    String source = new String(content, StandardCharsets.UTF_8);
                    content = source.replaceFirst("\n( +)return ", "\n$1" + statement + "\n$1return ")
                            .getBytes(StandardCharsets.UTF_8);
                }
                if (!entry.getName().endsWith(".debug_pkl")) {
                    to.putNextEntry(new ZipEntry(entry.getName()));
                    to.write(content);
                }
            }
        }
        Files.move(changed, file, StandardCopyOption.REPLACE_EXISTING);
    }

    @Test
    void refusesCodeThatNestsTooDeep() throws IOException {
        // Two levels of blocks, and the equals sign.
        int most = SourceNesting.MOST - 3;
        insert("_9 = " + "(".repeat(most) + "x" + ")".repeat(most));
        loadFile(simple("model").build()).close();

        insert("_8 = " + "(".repeat(100_000) + "x" + ")".repeat(100_000));

        assertTrue(
                failure().matches("entry '.*\\.py' nests more than 200 levels deep in line [0-9]+, which would end the"
                        + " process that reads it; give parts of the expression names"));
    }

    @Test
    void refusesEveryTruncation() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        for (int length : new int[]{1, 3, 4, 29, 100, 1000, bytes.length / 2, bytes.length - 100, bytes.length - 1}) {
            Files.write(file, Arrays.copyOf(bytes, length));

            assertTrue(failure().length() > 10);
        }
        Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
        assertEquals("the archive has no directory at its end: the file is truncated", failure());
    }

    @Test
    void refusesAFileThatLacksItsBeginning() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        byte[] cut = Arrays.copyOfRange(bytes, 1000, bytes.length);
        System.arraycopy(bytes, 0, cut, 0, 4);
        Files.write(file, cut);

        assertTrue(failure().contains("damaged"));
    }

    @Test
    void refusesDamagedPickles() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        byte[] word = "weight".getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < bytes.length - word.length; i++) {
            if (Arrays.equals(bytes, i, i + word.length, word, 0, word.length)) {
                bytes[i] = 'W';
                break;
            }
        }
        Files.write(file, bytes);

        assertTrue(failure().endsWith("is damaged: its checksum is wrong"));
    }

    /** Returns where the first entry of the directory begins; the record at the end of the file tells. */
    private static int firstDirectoryEntry(byte[] bytes) {
        ByteBuffer end = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        return end.getInt(bytes.length - 22 + 16);
    }

    private static ByteBuffer directoryEntry(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).position(firstDirectoryEntry(bytes));
    }

    @Test
    void refusesASizeThatCanNotBe() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer entry = directoryEntry(bytes);
        entry.putInt(entry.position() + 24, 0x7FFFFFFF);
        Files.write(file, bytes);

        String failure = failure();
        assertTrue(failure.contains("declares 2147483647 bytes, which its "), failure);
    }

    @Test
    void refusesAnotherNameWhereTheContentIs() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer entry = directoryEntry(bytes);
        bytes[entry.position() + 46] ^= 1;
        Files.write(file, bytes);

        String failure = failure();
        assertTrue(failure.endsWith("has another name where its content is"), failure);
    }

    @Test
    void refusesAMethodThatLibtorchDoesNotKnow() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer entry = directoryEntry(bytes);
        entry.putShort(entry.position() + 10, (short) 99);
        Files.write(file, bytes);

        assertTrue(failure().contains("can't hold"));
    }

    @Test
    void refusesWhatExpandsWithoutMeasure() throws IOException {
        byte[] noise = new byte[1 << 19];
        new Random(3).nextBytes(noise);
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
            for (String name : new String[]{"m/data.pkl", "m/constants.pkl", "m/code/__torch__.py"}) {
                zip.putNextEntry(new ZipEntry(name));
                zip.write(noise);
            }
        }
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer entry = directoryEntry(bytes);
        for (int i = 0; i < 3; i++) {
            entry.putInt(entry.position() + 24, 400_000_000);
            entry.position(entry.position() + 46 + entry.getShort(entry.position() + 28)
                    + entry.getShort(entry.position() + 30));
        }
        Files.write(file, bytes);

        assertEquals("the archive's compressed entries expand to 1200000000 bytes, at most 1073741824 are allowed",
                failure());
    }

    @Test
    void refusesNamesThatLeadOut() throws IOException {
        zip("m/data.pkl", "m/constants.pkl", "m/code/../../../etc/passwd");

        assertEquals("entry 'm/code/../../../etc/passwd' leads out of the archive", failure());
    }

    @Test
    void refusesWhatIsNoRegularFile() throws IOException, InterruptedException {
        Files.delete(file);
        assumeTrue(new ProcessBuilder("mkfifo", file.toString()).start().waitFor() == 0);

        // Opening it would wait for a writer.
        assertEquals("it is no regular file, expected a file", failure());
    }

    @Test
    void refusesALinkThatLeadsNowhere() throws IOException {
        Files.delete(file);
        Files.createSymbolicLink(file, directory.resolve("absent"));

        InferenceException failure = assertThrows(InferenceException.class,
                () -> loadFile(simple("model").build()).close());
        assertEquals(StatusCode.UNAVAILABLE, failure.code());
    }

    @Test
    void followsALink() throws IOException {
        Path elsewhere = directory.resolve("weights.pt");
        Files.move(file, elsewhere);
        Files.createSymbolicLink(file, elsewhere);

        loadFile(simple("model").build()).close();
    }

    @Test
    void survivesRandomDamage() throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        Random random = new Random(42);
        for (int round = 0; round < 60; round++) {
            byte[] damaged = bytes.clone();
            for (int i = 0; i < 1 + round % 8; i++) {
                damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
            }
            Files.write(file, damaged);
            try {
                loadFile(simple("model").build()).close();
            } catch (InferenceException e) {
                assertTrue(e.getMessage().startsWith("failed to load model 'model': "), e.getMessage());
            }
        }
    }
}
