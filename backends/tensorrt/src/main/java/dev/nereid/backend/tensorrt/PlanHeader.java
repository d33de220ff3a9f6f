package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * The beginning of a plan file, as far as it is public: a tag, the version of the format, and behind it, in format 0, the
 * version of the TensorRT that built the engine.
 */
final class PlanHeader {
    /** {@code ftrt} in the file. */
    private static final int TAG = 0x74727466;
    private static final int VERSION_OFFSET = 24;
    /** Plan file up to here. */
    static final int SIZE = 28;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private PlanHeader() {
    }

    /**
     * Checks that an engine was built for this version of TensorRT.
     *
     * @param model the model's name, for the texts
     * @param versionCompatible whether engines of earlier versions are welcome
     * @throws InferenceException INVALID_ARG with both sides and the way out
     */
    static void check(String model, MemorySegment plan, TrtVersion ours, boolean versionCompatible) {
        if (plan.byteSize() < SIZE || plan.get(INT, 0) != TAG) {
            throw InferenceException.invalid("unable to load model '" + model + "': its file is no TensorRT engine "
                    + kind(plan) + "; build one with trtexec --onnx=<model> --saveEngine=model.plan of TensorRT "
                    + ours);
        }
        Optional<TrtVersion> built = version(plan);
        if (built.isEmpty()) {
            // A format that is not known here: TensorRT itself will say.
            return;
        }
        TrtVersion theirs = built.get();
        boolean runs = theirs.equals(ours) || (versionCompatible && !isLater(theirs, ours));
        if (!runs) {
            throw InferenceException.invalid("unable to load model '" + model + "': its engine was built by TensorRT "
                    + theirs + ", this server has TensorRT " + ours + "; rebuild it with trtexec of TensorRT " + ours
                    + (isLater(theirs, ours) || versionCompatible
                            ? ""
                            : ", or build it with --versionCompatible and start the server with"
                                    + " --backend-config=tensorrt,version-compatible=true"));
        }
    }

    /** Returns the version that built the plan, where its format is known. */
    static Optional<TrtVersion> version(MemorySegment plan) {
        if (plan.byteSize() < SIZE || plan.get(INT, 0) != TAG || plan.get(INT, Integer.BYTES) != 0) {
            return Optional.empty();
        }
        return Optional.of(new TrtVersion(unsigned(plan, VERSION_OFFSET), unsigned(plan, VERSION_OFFSET + 1),
                unsigned(plan, VERSION_OFFSET + 2)));
    }

    private static boolean isLater(TrtVersion one, TrtVersion other) {
        return one.major() != other.major()
                ? one.major() > other.major()
                : one.minor() != other.minor() ? one.minor() > other.minor() : one.patch() > other.patch();
    }

    private static int unsigned(MemorySegment plan, long offset) {
        return Byte.toUnsignedInt(plan.get(ValueLayout.JAVA_BYTE, offset));
    }

    private static String kind(MemorySegment plan) {
        if (plan.byteSize() == 0) {
            return "(it is empty)";
        }
        if (plan.byteSize() < SIZE) {
            return "(it has " + plan.byteSize() + " bytes)";
        }
        String start = "";
        try (java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofConfined()) {
            MemorySegment text = arena.allocate(33);
            MemorySegment.copy(plan, 0, text, 0, SIZE);
            start = text.getString(0, java.nio.charset.StandardCharsets.ISO_8859_1);
        }
        if (start.startsWith("version https://git-lfs")) {
            return "but a Git LFS pointer";
        }
        if (start.startsWith("PK")) {
            return "but a zip archive, as PyTorch writes them";
        }
        return start.startsWith("\b") ? "but looks like an ONNX model" : "(its first bytes are of something else)";
    }
}
