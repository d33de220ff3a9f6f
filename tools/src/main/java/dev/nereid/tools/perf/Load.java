package dev.nereid.tools.perf;

/** Requests that are being sent until this is closed; {@link #close} returns when none is under way. */
interface Load extends AutoCloseable {
    @Override
    void close();
}
