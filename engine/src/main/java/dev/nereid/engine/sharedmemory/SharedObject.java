package dev.nereid.engine.sharedmemory;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A POSIX shared memory object: a file directly in the directory where the system keeps them. A key comes from a client,
 * so it can name nothing else: no other directory, no link, no special file.
 */
final class SharedObject {
    private static final String RESERVED_PREFIX = "triton_python_backend_shm_region_";

    private final String region;
    private final String key;
    private final Path path;

    private SharedObject(String region, String key, Path path) {
        this.region = region;
        this.key = key;
        this.path = path;
    }

    /**
     * Checks a key.
     *
     * @param region the region to be registered, for messages
     * @throws InferenceException INVALID_ARG for a key that may not be used; INTERNAL for one that can't name an object
     */
    static SharedObject of(Path directory, String region, String key) {
        String name = withoutLeadingSlashes(key);
        if (name.isEmpty()) {
            throw InferenceException.invalid(
                    "cannot register shared memory region '" + region + "' - invalid shm key '" + key + "'");
        }
        if (name.startsWith(RESERVED_PREFIX)) {
            throw InferenceException.invalid("cannot register shared memory region '" + region + "' with key '" + key
                    + "' as the key contains the reserved prefix '" + RESERVED_PREFIX + "'");
        }
        try {
            Path path = directory.resolve(name);
            if (name.indexOf('/') < 0 && directory.equals(path.normalize().getParent())) {
                return new SharedObject(region, key, path);
            }
        } catch (InvalidPathException e) {
            throw cannotOpen(key);
        }
        throw cannotOpen(key);
    }

    private static String withoutLeadingSlashes(String key) {
        int start = 0;
        while (start < key.length() && key.charAt(start) == '/') {
            start++;
        }
        return key.substring(start);
    }

    private static InferenceException cannotOpen(String key) {
        return InferenceException.internal("Unable to open shared memory region: '" + key + "'");
    }

    /**
     * Maps a part of the object; offset and size are to be read as unsigned.
     *
     * @throws InferenceException INTERNAL when it can't be opened; INVALID_ARG when the part is not inside it
     */
    MemorySegment map(long offset, long byteSize, Arena arena) {
        try {
            // Opening a pipe would wait for its other end.
            if (!Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
                throw cannotOpen(key);
            }
            try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE,
                    LinkOption.NOFOLLOW_LINKS)) {
                // Mapping more than there is would make the object larger.
                long size = file.size();
                if (byteSize <= 0 || offset < 0 || offset > size || byteSize > size - offset) {
                    throw InferenceException
                            .invalid("failed to register shared memory region '" + region + "': invalid args");
                }
                return file.map(MapMode.READ_WRITE, offset, byteSize, arena);
            }
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INTERNAL,
                    "Unable to open shared memory region: '" + key + "'", e);
        }
    }
}
