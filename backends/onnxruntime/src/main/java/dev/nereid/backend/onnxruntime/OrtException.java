package dev.nereid.backend.onnxruntime;

/** What ONNX Runtime answered instead of doing what it was asked. Never leaves this package. */
final class OrtException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int code;

    OrtException(int code, String message) {
        super(message);
        this.code = code;
    }

    /** Returns ONNX Runtime's own number for the kind of error. */
    int code() {
        return code;
    }

    /** Returns all that was said, with the paths of the library's build. */
    String full() {
        String message = getMessage();
        return message == null ? "" : message;
    }
}
