package dev.nereid.backend.onnxruntime;

/** A tensor that an execution made. Released when it is closed, unless somebody else has taken that over. */
final class OutputValue implements AutoCloseable {
    private final OrtApi api;
    private final long address;
    private boolean isHandedOver;

    OutputValue(OrtApi api, long address) {
        this.api = api;
        this.address = address;
    }

    long address() {
        return address;
    }

    /** Leaves the release to the caller, who runs what is returned once, on any thread. */
    Runnable handOver() {
        isHandedOver = true;
        return () -> api.releaseValue(address);
    }

    @Override
    public void close() {
        if (!isHandedOver && address != 0) {
            api.releaseValue(address);
        }
    }
}
