package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.FileErrors;
import dev.nereid.backend.api.InferenceException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The file of an engine, mapped into memory while it is loaded. */
record PlanFile(MemorySegment content, Arena arena) implements AutoCloseable {
    private static final String DEFAULT_NAME = "model.plan";

    /**
     * Opens the file.
     *
     * @throws InferenceException UNAVAILABLE when it is not there or can't be read
     */
    @SuppressWarnings("MustBeClosedChecker") // the arena is closed with the file
    static PlanFile open(String model, Path versionDirectory, String configuredName) {
        String name = configuredName.isEmpty() ? DEFAULT_NAME : configuredName;
        Path path = versionDirectory.resolve(name).normalize();
        if (!path.startsWith(versionDirectory.normalize()) || !Files.isRegularFile(path)) {
            throw InferenceException.unavailable("unable to find '" + path + "' for model instance '" + model + "'"
                    + FileErrors.obstacle(path).map(obstacle -> ": " + obstacle).orElse(""));
        }
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            return new PlanFile(size == 0
                    ? MemorySegment.NULL
                    : channel.map(FileChannel.MapMode.READ_ONLY, 0, size, arena), arena);
        } catch (IOException e) {
            arena.close();
            throw new InferenceException(dev.nereid.backend.api.StatusCode.UNAVAILABLE,
                    "unable to read '" + name + "' of model '" + model + "': " + FileErrors.reason(e), e);
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
