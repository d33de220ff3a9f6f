package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.FileErrors;
import dev.nereid.backend.api.InferenceException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Checks a model's file before native code sees it: libtorch trusts its input, and a damaged file can end the process. The
 * file is a zip archive with pickled data, source code, and the bytes of tensors, or with a compiled library.
 */
final class ModelFile {
    private final String model;
    private final Path path;
    private final ModelFormat format;

    private ModelFile(String model, Path path, ModelFormat format) {
        this.model = model;
        this.path = path;
        this.format = format;
    }

    /**
     * Returns the path of the model's file.
     *
     * @throws InferenceException UNAVAILABLE when it is not there
     */
    static Path locate(String model, Path versionDirectory, String configuredName, ModelFormat format) {
        String name = configuredName.isEmpty() ? format.defaultFile() : configuredName;
        Path path = versionDirectory.resolve(name).normalize();
        if (!path.startsWith(versionDirectory.normalize()) || !Files.exists(path)) {
            throw InferenceException.unavailable("unable to find '" + path + "' for model instance '" + model + "'"
                    + FileErrors.obstacle(path).map(obstacle -> ": " + obstacle).orElse(""));
        }
        return path;
    }

    /**
     * Checks the file.
     *
     * @throws InferenceException INTERNAL with what is wrong
     */
    static void check(String model, Path path, ModelFormat format) {
        new ModelFile(model, path, format).check();
    }

    private void check() {
        if (!Files.isRegularFile(path)) {
            throw broken("it is " + (Files.isDirectory(path) ? "a directory" : "no regular file")
                    + ", expected a file");
        }
        try (FileChannel file = FileChannel.open(path)) {
            checkStart(file);
            checkContent(Archive.entries(file));
        } catch (Archive.DamagedException e) {
            throw broken(e.what());
        } catch (IOException e) {
            throw broken("it can't be read: " + FileErrors.reason(e));
        }
        checkSums();
        if (format == ModelFormat.TORCH_SCRIPT) {
            checkSource();
        }
    }

    private void checkStart(FileChannel file) throws IOException {
        ByteBuffer start = ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN);
        while (start.hasRemaining() && file.read(start, start.position()) > 0) {
            // reads on
        }
        start.flip();
        if (!start.hasRemaining()) {
            throw broken("the file is empty");
        }
        if (start.limit() >= Integer.BYTES && start.getInt(0) == Archive.LOCAL_HEADER) {
            return;
        }
        if (start.get(0) == (byte) 0x80) {
            throw broken("it is a bare pickle, not TorchScript; save the model with torch.jit.save");
        }
        throw broken("it is " + (isText(start) ? "a text file" : "no zip archive") + ", expected " + format.origin());
    }

    private static boolean isText(ByteBuffer bytes) {
        for (int i = 0; i < bytes.limit(); i++) {
            byte value = bytes.get(i);
            if (value >= 0 && value < ' ' && value != '\n' && value != '\r' && value != '\t') {
                return false;
            }
        }
        return true;
    }

    private void checkContent(List<Archive.Entry> entries) {
        switch (format) {
            case TORCH_SCRIPT -> checkTorchScript(entries);
            case AOT_INDUCTOR -> checkPackage(entries);
        }
    }

    private void checkTorchScript(List<Archive.Entry> entries) {
        boolean hasData = holds(entries, "/data.pkl");
        boolean hasConstants = holds(entries, "/constants.pkl");
        boolean hasCode = entries.stream().anyMatch(entry -> entry.name().contains("/code/"));
        if (hasData && hasConstants && hasCode) {
            return;
        }
        if (holds(entries, "/archive_format") || isCompiled(entries)) {
            throw broken("it is a package of torch.export, expected TorchScript made by torch.jit.save; a package that"
                    + " is compiled by AOTInductor is served as model.pt2 with platform 'torch_aoti'");
        }
        if (hasData && !hasCode) {
            throw broken("it holds weights but no code: it was written by torch.save, expected torch.jit.save");
        }
        throw broken("the archive lacks " + (hasData ? "" : "data.pkl ") + (hasConstants ? "" : "constants.pkl ")
                + (hasCode ? "" : "code/ ") + "and is no TorchScript archive");
    }

    private void checkPackage(List<Archive.Entry> entries) {
        if (isCompiled(entries)) {
            return;
        }
        throw broken(holds(entries, "/constants.pkl")
                ? "it is TorchScript, expected " + format.origin() + "; serve it as model.pt with platform"
                        + " 'pytorch_libtorch'"
                : "it holds no compiled model named '" + AotiModule.NAME_IN_PACKAGE + "', expected " + format.origin());
    }

    /** A directory above may be there or not, depending on what wrote the package. */
    private static boolean isCompiled(List<Archive.Entry> entries) {
        return entries.stream().anyMatch(entry -> entry.name().endsWith(".so")
                && ("/" + entry.name()).contains("/data/aotinductor/" + AotiModule.NAME_IN_PACKAGE + "/"));
    }

    private static boolean holds(List<Archive.Entry> entries, String ending) {
        return entries.stream().anyMatch(
                entry -> entry.name().endsWith(ending) && entry.name().indexOf('/') == entry.name().lastIndexOf('/'));
    }

    /** Compares the checksums of what native code interprets: pickles and source. The tensors' bytes are only data. */
    private void checkSums() {
        byte[] buffer = new byte[8192];
        try (ZipFile zip = new ZipFile(path.toFile())) {
            for (ZipEntry entry : (Iterable<ZipEntry>) zip.stream().map(ZipEntry.class::cast)::iterator) {
                if (entry.getName().endsWith(".pkl") || entry.getName().contains("/code/")) {
                    CRC32 sum = new CRC32();
                    try (InputStream content = zip.getInputStream(entry)) {
                        for (int read = content.read(buffer); read >= 0; read = content.read(buffer)) {
                            sum.update(buffer, 0, read);
                        }
                    }
                    if (sum.getValue() != entry.getCrc()) {
                        throw broken("entry '" + entry.getName() + "' is damaged: its checksum is wrong");
                    }
                }
            }
        } catch (IOException e) {
            throw broken("the archive is damaged: " + FileErrors.reason(e));
        }
    }

    private void checkSource() {
        try (ZipFile zip = new ZipFile(path.toFile())) {
            for (ZipEntry entry : (Iterable<ZipEntry>) zip.stream().map(ZipEntry.class::cast)::iterator) {
                if (entry.getName().contains("/code/") && entry.getName().endsWith(".py")) {
                    try (InputStream content = zip.getInputStream(entry)) {
                        checkNesting(entry.getName(), new String(content.readAllBytes(), StandardCharsets.UTF_8));
                    }
                }
            }
        } catch (IOException e) {
            throw broken("the archive is damaged: " + FileErrors.reason(e));
        }
    }

    private void checkNesting(String entry, String source) {
        SourceNesting.lineTooDeep(source).ifPresent(line -> {
            throw broken("entry '" + entry + "' nests more than " + SourceNesting.MOST + " levels deep in line " + line
                    + ", which would end the process that reads it; give parts of the expression names");
        });
    }

    private InferenceException broken(String what) {
        return InferenceException.internal("failed to load model '" + model + "': " + what);
    }
}
