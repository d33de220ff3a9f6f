package dev.nereid.tools.perf;

/** The requests of a load, as one protocol sends them. Any thread may call. */
interface Requests {
    /** Returns how many there are; they are sent in turn. */
    int count();

    /** Returns a connection to send them on, which is opened when it is first needed. */
    RequestConnection connection();
}
