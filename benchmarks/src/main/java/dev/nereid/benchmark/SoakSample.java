package dev.nereid.benchmark;

/**
 * One look at a server during a soak.
 *
 * @param minutes when, counted from the first request
 * @param residentMib the memory that its process takes
 * @param heapCommittedMib what its JVM has taken for the heap; NaN where that is not known
 * @param heapUsedMib what objects take; NaN where that is not known
 * @param threads how many threads it has
 * @param openFiles how many files and sockets it has open
 * @param requests how many requests were answered until then
 * @param wrong how many answers were wrong until then
 */
record SoakSample(double minutes, double residentMib, double heapCommittedMib, double heapUsedMib, int threads,
        int openFiles, long requests, long wrong) {
}
