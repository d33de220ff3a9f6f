package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.FileErrors;
import dev.nereid.backend.api.InferenceException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Checks the outer structure of an ONNX file before native code sees it, so that what is no model, or only a part of one,
 * gets a text that helps. The file is one message of protobuf: numbered fields, most of them with their length before
 * them.
 */
final class ModelFile {
    private static final String DEFAULT_NAME = "model.onnx";
    private static final int GRAPH = 7;
    private static final int LENGTH_DELIMITED = 2;
    private static final int BUFFER_SIZE = 8192;
    /** Of a field, in any message of protobuf. */
    private static final long LARGEST_NUMBER = (1L << 29) - 1;

    private final String model;
    private final Path path;
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_SIZE).limit(0);
    private long bufferBegin;
    /** Where reading has come to. */
    private long at;

    private ModelFile(String model, Path path) {
        this.model = model;
        this.path = path;
    }

    /**
     * Returns the path of the model's file; in a directory of that name it is called {@code model.onnx}.
     *
     * @throws InferenceException UNAVAILABLE when it is not there
     */
    static Path locate(String model, Path versionDirectory, String configuredName) {
        Path path = versionDirectory.resolve(configuredName.isEmpty() ? DEFAULT_NAME : configuredName).normalize();
        if (Files.isDirectory(path)) {
            path = path.resolve(DEFAULT_NAME);
        }
        if (!path.startsWith(versionDirectory.normalize()) || !Files.isRegularFile(path)) {
            throw InferenceException.unavailable("unable to find '" + path + "' for model '" + model + "'"
                    + FileErrors.obstacle(path).map(obstacle -> ": " + obstacle).orElse(""));
        }
        return path;
    }

    /**
     * Checks the file.
     *
     * @throws InferenceException INTERNAL with what is wrong
     */
    static void check(String model, Path path) {
        new ModelFile(model, path).check();
    }

    private void check() {
        try (FileChannel file = FileChannel.open(path)) {
            long size = file.size();
            if (size == 0) {
                throw broken("the file is empty");
            }
            if (!isOtherFormat(file, size)) {
                checkFields(file, size);
            }
        } catch (IOException e) {
            throw broken("it can't be read: " + FileErrors.reason(e));
        }
    }

    /** Returns whether the file is ONNX Runtime's own format, which has a structure of its own. */
    private boolean isOtherFormat(FileChannel file, long size) throws IOException {
        ByteBuffer start = ByteBuffer.allocate((int) Math.min(64, size));
        file.read(start, 0);
        String text = new String(start.array(), StandardCharsets.ISO_8859_1);
        if (text.startsWith("PK")) {
            throw broken("it is a zip archive, as TorchScript's files are, not an ONNX model");
        }
        if (text.startsWith("version https://git-lfs")) {
            throw broken("it is a pointer of Git LFS; fetch the model itself with 'git lfs pull'");
        }
        return text.startsWith("ORTM", 4);
    }

    private void checkFields(FileChannel file, long size) throws IOException {
        boolean hasGraph = false;
        while (at < size) {
            Field field = field(file, size);
            if (field.number() == GRAPH && field.type() == LENGTH_DELIMITED) {
                hasGraph = true;
                at = field.begin();
                while (at < field.end()) {
                    at = field(file, field.end()).end();
                }
            }
            at = field.end();
        }
        if (!hasGraph) {
            throw broken("it is no ONNX model: it has no graph");
        }
    }

    private record Field(int number, int type, long begin, long end) {
    }

    /** Reads the head of the field that begins here; the field must end within {@code limit}. */
    private Field field(FileChannel file, long limit) throws IOException {
        long start = at;
        long tag = number(file, limit);
        int type = (int) (tag & 7);
        long length = switch (type) {
            case 0 -> {
                number(file, limit);
                yield 0;
            }
            case 1 -> Long.BYTES;
            case LENGTH_DELIMITED -> number(file, limit);
            case 5 -> Integer.BYTES;
            default -> throw damaged(start);
        };
        long number = tag >>> 3;
        if (number == 0 || number > LARGEST_NUMBER || length < 0 || length > limit - at) {
            throw damaged(start);
        }
        return new Field((int) number, type, at, at + length);
    }

    /** Reads a number of 1 to 10 bytes, each with 7 bits. */
    private long number(FileChannel file, long limit) throws IOException {
        long start = at;
        long value = 0;
        for (int i = 0; i < 10 && at < limit; i++) {
            byte next = read(file, at++);
            value |= (long) (next & 0x7F) << (7 * i);
            if (next >= 0) {
                return value;
            }
        }
        throw damaged(start);
    }

    private byte read(FileChannel file, long offset) throws IOException {
        if (offset < bufferBegin || offset >= bufferBegin + buffer.limit()) {
            buffer.clear();
            int read = file.read(buffer, offset);
            buffer.flip();
            bufferBegin = offset;
            if (read <= 0) {
                throw damaged(offset);
            }
        }
        return buffer.get((int) (offset - bufferBegin));
    }

    private InferenceException damaged(long offset) {
        return broken(offset == 0
                ? "it is no ONNX model"
                : "the file is truncated or damaged: the part that begins at byte " + offset + " is incomplete");
    }

    private InferenceException broken(String what) {
        return InferenceException.internal("failed to load model '" + model + "': " + what);
    }
}
