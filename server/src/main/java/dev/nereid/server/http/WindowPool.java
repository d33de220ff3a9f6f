package dev.nereid.server.http;

import java.lang.ref.SoftReference;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Memory on the heap for JSON: for a text that is not small, or for what is looked at of a large one. The last few pieces are
 * kept for the next requests, or until the collector wants them.
 *
 * <p>Threads: any.
 */
final class WindowPool {
    private static final int MAX_FREE = 16;

    private final ArrayDeque<SoftReference<byte[]>> free = new ArrayDeque<>();

    /** Returns memory of {@link InferBodyReader#WINDOW} bytes, whose content is undefined. */
    byte[] take() {
        byte[] kept = takeKept();
        return kept == null ? new byte[InferBodyReader.WINDOW] : kept;
    }

    private synchronized byte @Nullable [] takeKept() {
        byte[] kept = null;
        while (kept == null && !free.isEmpty()) {
            kept = free.removeFirst().get();
        }
        return kept;
    }

    /** Takes memory back that nobody uses any longer. */
    synchronized void giveBack(byte[] window) {
        if (free.size() == MAX_FREE) {
            free.removeLast();
        }
        free.addFirst(new SoftReference<>(window));
    }
}
