package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Turns what TensorRT and CUDA say into errors for people. */
final class TrtErrors {
    private static final Pattern LIBRARY = Pattern
            .compile("expecting library version (\\S+?),? got (\\S+?)[,.]?(?:\\s|$)");
    private static final Pattern DEVICE = Pattern
            .compile("expecting compute (\\S+?),? got compute (\\S+?)[,.]?(?:\\s|$)");
    private static final Pattern PREFIX = Pattern.compile("^(?:.*?Error Code \\d+: |\\d+: |\\[[^\\]]*\\]\\s*)");
    /** A place with a reason of CUDA in it, of which the reason is kept. */
    private static final Pattern PLACE_WITH_REASON = Pattern.compile("\\(In \\S+ at \\S+ \\(([^)]*)\\)\\)");
    private static final Pattern PLACE = Pattern.compile("[ (]In \\S+ at [^)\\s]+");

    private TrtErrors() {
    }

    /** Returns the error for an engine that TensorRT refuses to load on a GPU. */
    static InferenceException load(String complaint, TensorRt.GpuDevice device) {
        String start = "unable to create TensorRT engine: ";
        Matcher library = LIBRARY.matcher(complaint);
        if (library.find()) {
            return InferenceException.invalid(start + "it was built by TensorRT " + library.group(2)
                    + ", this server has TensorRT " + library.group(1) + "; rebuild it with trtexec of that version");
        }
        Matcher other = DEVICE.matcher(complaint);
        if (other.find()) {
            return InferenceException.invalid(start + "it was built for GPUs of compute capability " + other.group(2)
                    + ", GPU " + device.id() + " (" + device.name() + ") has " + other.group(1)
                    + "; rebuild it with trtexec on such a GPU, or with --hardwareCompatibilityLevel=ampere+");
        }
        if (complaint.contains("incompatible device") || complaint.contains("Target GPU SM")) {
            return InferenceException
                    .invalid(start + "it was built for another kind of GPU than GPU " + device.id() + " ("
                            + device.name() + ", compute capability " + device.computeCapability()
                            + "); rebuild it with trtexec on such a GPU");
        }
        if (isOutOfMemory(complaint)) {
            return InferenceException.unavailable(start + "out of memory on GPU " + device.id());
        }
        if (complaint.contains("getPluginCreator") || complaint.contains("Cannot find plugin")
                || complaint.contains("IPluginCreator not found")) {
            return InferenceException
                    .invalid(start + brief(complaint) + ". It has layers of a plugin: name its library with"
                            + " --backend-config=tensorrt,plugins=<library>");
        }
        if (complaint.contains("engineHostCodeAllowed") || complaint.contains("setEngineHostCodeAllowed")
                || complaint.contains("host code")) {
            return InferenceException
                    .invalid(start + "it brings code of its own, as version-compatible engines do; where it"
                            + " is trusted, start the server with --backend-config=tensorrt,version-compatible=true");
        }
        return InferenceException.internal(start + brief(complaint));
    }

    /** Returns the error for a refused call. */
    static InferenceException refused(String what, String complaint) {
        if (complaint.contains("CUDA initialization failure with error: 35")
                || complaint.contains("driver version is insufficient")) {
            return InferenceException
                    .unavailable(what + ": there is no NVIDIA driver, or it is older than CUDA 13 needs;"
                            + " install version 580 or newer");
        }
        return new InferenceException(isOutOfMemory(complaint) ? StatusCode.UNAVAILABLE : StatusCode.INTERNAL,
                what + ": " + brief(complaint));
    }

    private static boolean isOutOfMemory(String complaint) {
        return complaint.contains("OutOfMemory") || complaint.contains("out of memory")
                || complaint.contains("Out of memory");
    }

    /** Returns the first line, without the place in TensorRT's sources. */
    static String brief(String complaint) {
        String line = complaint.lines().map(String::strip).filter(text -> !text.isEmpty()).findFirst()
                .orElse("unknown error");
        String said = PREFIX.matcher(line).replaceFirst("");
        return PLACE.matcher(PLACE_WITH_REASON.matcher(said).replaceAll("($1)")).replaceAll("");
    }
}
