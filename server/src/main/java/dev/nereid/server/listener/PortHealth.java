package dev.nereid.server.listener;

/** Whether a port is served. */
public enum PortHealth {
    /** Its thread accepts connections. */
    ACCEPTS,
    /** Its thread has not accepted one, nor looked for one, for long. */
    SILENT,
    /** It is closed, though nobody asked for that. */
    GONE
}
