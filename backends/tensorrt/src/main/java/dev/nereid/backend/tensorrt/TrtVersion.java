package dev.nereid.backend.tensorrt;

import org.bytedeco.tensorrt.global.nvinfer;

/**
 * A version of TensorRT.
 *
 * @param major engines of another one never run
 * @param minor engines of another one run only where they are version-compatible
 * @param patch the patch
 */
record TrtVersion(int major, int minor, int patch) {
    /** What the bindings were generated for. The compiler copies the numbers: no native library is loaded. */
    static final TrtVersion BINDINGS = new TrtVersion(nvinfer.NV_TENSORRT_MAJOR, nvinfer.NV_TENSORRT_MINOR,
            nvinfer.NV_TENSORRT_PATCH);

    /** Returns the version in the form in which the library tells it: 110201 is 11.2.1. */
    static TrtVersion ofNumber(int number) {
        return new TrtVersion(number / 10_000, number / 100 % 100, number % 100);
    }

    @Override
    public String toString() {
        return major + "." + minor + "." + patch;
    }
}
