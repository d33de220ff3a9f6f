package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The last requests that failed, for people who look; nothing is kept until somebody may. Equal ones are one entry, so that
 * a client that goes on and on does not push out what else there was. Threads: any; the monitor is held for moments only.
 */
public final class RecentFailures {
    private static final int MAX_ENTRIES = 100;
    private static final int MAX_TEXT = 1000;

    private volatile boolean isKept;
    /** The latest at the end. Guarded by this. */
    private final Map<Key, Failure> entries = new LinkedHashMap<>();

    private record Key(String request, StatusCode code, String message) {
    }

    /**
     * A failure.
     *
     * @param request what failed, such as {@code POST /v2/models/m/infer}
     * @param code what kind of failure it was
     * @param message the text that the client got, cut where it is long
     * @param lastMillis when it last happened, in milliseconds since the epoch
     * @param count how often it did
     */
    public record Failure(String request, StatusCode code, String message, long lastMillis, long count) {
    }

    /** Keeps failures from now on. */
    public void keep() {
        isKept = true;
    }

    /**
     * Notes that a request failed. One that its client gave up has not.
     *
     * @param request what failed; only asked for where failures are kept
     */
    public void add(Supplier<String> request, InferenceException error) {
        if (isKept && error.code() != StatusCode.CANCELLED) {
            add(new Key(cut(request.get()), error.code(), cut(String.valueOf(error.getMessage()))),
                    System.currentTimeMillis());
        }
    }

    private synchronized void add(Key key, long nowMillis) {
        Failure before = entries.remove(key);
        entries.put(key, new Failure(key.request(), key.code(), key.message(), nowMillis,
                before == null ? 1 : before.count() + 1));
        if (entries.size() > MAX_ENTRIES) {
            entries.remove(entries.keySet().iterator().next());
        }
    }

    private static String cut(String text) {
        return text.length() > MAX_TEXT ? text.substring(0, MAX_TEXT) + "..." : text;
    }

    /** Returns the failures, the latest first. */
    public synchronized List<Failure> latest() {
        return new ArrayList<>(entries.values()).reversed();
    }
}
