package dev.nereid.backend.tensorrt;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import org.bytedeco.tensorrt.nvinfer.ILogger;

/** Takes what TensorRT says into the log, and keeps its last complaint for the error that follows. */
final class NativeLogger extends ILogger {
    private static final Logger LOGGER = System.getLogger("dev.nereid.tensorrt");

    private volatile String complaint = "";

    @Override
    public void log(ILogger.Severity severity, String message) {
        // An exception must not reach native code.
        try {
            Level level = level(severity);
            if (level == Level.ERROR) {
                complaint = message;
            }
            LOGGER.log(level, () -> message);
        } catch (RuntimeException e) {
            complaint = message;
        }
    }

    private static Level level(ILogger.Severity severity) {
        return switch (severity.intern()) {
            case kINTERNAL_ERROR, kERROR -> Level.ERROR;
            case kWARNING -> Level.WARNING;
            case kINFO -> Level.INFO;
            case kVERBOSE -> Level.DEBUG;
        };
    }

    /** Returns the last complaint, and forgets it. */
    String takeComplaint() {
        String taken = complaint;
        complaint = "";
        return taken.isEmpty() ? "TensorRT gives no reason" : taken;
    }
}
