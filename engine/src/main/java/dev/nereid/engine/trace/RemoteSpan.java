package dev.nereid.engine.trace;

import java.util.Optional;

/**
 * The client's span that a request belongs to, as a {@code traceparent} of W3C's Trace Context names it.
 *
 * @param traceId 32 hexadecimal digits, not all 0
 * @param spanId 16 hexadecimal digits, not all 0
 * @param state the client's {@code tracestate}, which is handed on unread; empty for none
 */
public record RemoteSpan(String traceId, String spanId, String state) {
    /** The name of the header that names the span. */
    public static final String PARENT = "traceparent";
    /** The name of the header with what tracing systems add. */
    public static final String STATE = "tracestate";

    private static final int LENGTH = 55;
    private static final int TRACE_ID = 3;
    private static final int SPAN_ID = 36;
    private static final int FLAGS = 53;
    private static final int MAX_STATE = 512;

    /**
     * Reads the headers.
     *
     * @param parent {@code <version>-<trace id>-<span id>-<flags>} in lower case; a version to come may have more behind it
     * @return empty where it is not as the standard says; a client that traces wrongly is served all the same
     */
    public static Optional<RemoteSpan> parse(String parent, String state) {
        boolean isLong = parent.length() > LENGTH;
        if (parent.length() < LENGTH || !areHex(parent, 0, 2) || parent.startsWith("ff")
                || (isLong && (parent.startsWith("00") || parent.charAt(LENGTH) != '-'))
                || parent.charAt(2) != '-' || parent.charAt(SPAN_ID - 1) != '-' || parent.charAt(FLAGS - 1) != '-'
                || !areHex(parent, TRACE_ID, SPAN_ID - 1) || !areHex(parent, SPAN_ID, FLAGS - 1)
                || !areHex(parent, FLAGS, LENGTH)) {
            return Optional.empty();
        }
        String traceId = parent.substring(TRACE_ID, SPAN_ID - 1);
        String spanId = parent.substring(SPAN_ID, FLAGS - 1);
        return isZero(traceId) || isZero(spanId)
                ? Optional.empty()
                : Optional.of(new RemoteSpan(traceId, spanId, state.length() > MAX_STATE ? "" : state));
    }

    private static boolean areHex(String text, int from, int to) {
        for (int i = from; i < to; i++) {
            char c = text.charAt(i);
            if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
                return false;
            }
        }
        return true;
    }

    private static boolean isZero(String digits) {
        return digits.chars().allMatch(c -> c == '0');
    }
}
