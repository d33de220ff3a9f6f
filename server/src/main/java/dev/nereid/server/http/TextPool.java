package dev.nereid.server.http;

import java.lang.ref.SoftReference;
import java.util.ArrayDeque;
import java.util.Iterator;
import org.jspecify.annotations.Nullable;

/**
 * Memory on the heap for the JSON of large requests. The last few pieces are kept for the next ones, or until the
 * collector wants them: each would otherwise be a large object that lives for one request.
 *
 * <p>Threads: any.
 */
final class TextPool {
    /** Longer ones are rare, and not kept. */
    private static final int MAX_LENGTH = 4 << 20;
    private static final int MAX_FREE = 4;
    /** Lengths are multiples of it, for texts that differ a little. */
    private static final int STEP = 256 * 1024;

    private final ArrayDeque<SoftReference<byte[]>> free = new ArrayDeque<>();

    /** Returns memory of at least that length, whose content is undefined. */
    byte[] take(int length) {
        byte[] kept = takeKept(length);
        if (kept != null) {
            return kept;
        }
        return new byte[length > MAX_LENGTH ? length : (length + STEP - 1) / STEP * STEP];
    }

    private synchronized byte @Nullable [] takeKept(int length) {
        for (Iterator<SoftReference<byte[]>> all = free.iterator(); all.hasNext();) {
            byte[] text = all.next().get();
            if (text == null || text.length >= length) {
                all.remove();
            }
            if (text != null && text.length >= length) {
                return text;
            }
        }
        return null;
    }

    /** Takes memory back that nobody uses any longer. */
    synchronized void giveBack(byte[] text) {
        if (text.length > MAX_LENGTH) {
            return;
        }
        if (free.size() == MAX_FREE) {
            free.removeLast();
        }
        free.addFirst(new SoftReference<>(text));
    }
}
