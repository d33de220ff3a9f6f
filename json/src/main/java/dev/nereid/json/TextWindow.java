package dev.nereid.json;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.LongConsumer;

/**
 * The bytes of a JSON text that are at hand. A text in an array is shown as a whole. Of a text in other memory an array
 * shows a part, which moves on with whoever reads; it is made longer only where one number does not fit.
 *
 * <p>A place in the text is an <em>offset</em>, a place in {@link #bytes} an <em>index</em>, which is good until the window
 * moves. The methods that return an index may move the window, all others do not. For one thread.
 */
public final class TextWindow {
    /** The shortest array that a window can be: no word and no pair of escapes is longer than what it shows. */
    public static final int MIN_LENGTH = 17;

    private static final int MARGIN = MIN_LENGTH - 1;
    private static final byte[] NONE = {};

    private final LongConsumer growth;
    private MemorySegment text = MemorySegment.NULL;
    private byte[] bytes = NONE;
    private int base;
    private int limit;
    private int safe;
    private int end;
    private int margin = MARGIN;

    TextWindow(LongConsumer growth) {
        this.growth = growth;
    }

    /** Shows that part of an array as a whole; offsets are those of the array. */
    void show(byte[] array, int offset, int length) {
        text = MemorySegment.NULL;
        bytes = array;
        base = 0;
        end = offset + length;
        limit = end;
        safe = end;
    }

    /** Shows the beginning of a text of less than 2 GiB, of which an array shows one part after the other. */
    void show(MemorySegment whole, byte[] array) {
        if (array.length < MIN_LENGTH) {
            throw new IllegalArgumentException("a window of " + array.length + " bytes, expected " + MIN_LENGTH);
        }
        text = whole;
        bytes = array;
        end = (int) whole.byteSize();
        margin = MARGIN;
        load(0);
    }

    void forget() {
        show(NONE, 0, 0);
    }

    /** Returns what is shown, with a zero behind it where it is not the whole text. */
    public byte[] bytes() {
        return bytes;
    }

    /** Returns the index behind the last byte that is shown. */
    public int limit() {
        return limit;
    }

    /**
     * Returns the index from which on the window has to move, by {@link #skipSpace}, before something is read: what begins
     * before it is shown to its end, strings aside. It is the limit if the text ends there.
     */
    public int safe() {
        return safe;
    }

    /** Returns the index of the byte at that offset. Whatever begins there is shown to its end, strings aside. */
    public int indexOf(int offset) {
        int index = offset - base;
        return index >= 0 && index < safe ? index : move(offset);
    }

    /**
     * Returns the index of the first byte that is not white space, from that index on. Whatever begins there is shown to
     * its end, strings aside.
     */
    public int skipSpace(int index) {
        int at = index;
        while (isSpace(bytes[at])) {
            at++;
        }
        return at < safe ? at : skipSpaceAtEnd(at);
    }

    private int skipSpaceAtEnd(int index) {
        int at = index;
        while (at >= safe && safe < limit) {
            at = move(base + at);
            while (isSpace(bytes[at])) {
                at++;
            }
            if (at == 0) {
                break;
            }
        }
        return at;
    }

    /** Returns whether a byte is white space. */
    public static boolean isSpace(byte next) {
        // One comparison for most bytes.
        return next <= ' ' && (next == ' ' || next == '\n' || next == '\r' || next == '\t');
    }

    /** Returns the index of the first of so many bytes, which are then shown; -1 where the window is too short for them. */
    int indexOf(int offset, int length) {
        int index = offset - base;
        if (index >= 0 && index + length <= limit) {
            return index;
        }
        return length < bytes.length ? move(offset) : -1;
    }

    int offsetOf(int index) {
        return base + index;
    }

    int end() {
        return end;
    }

    /** Moves so that it begins at that offset, and returns the index of it. */
    int move(int offset) {
        if (text.byteSize() == 0) {
            return offset;
        }
        load(offset);
        return 0;
    }

    /** Shows more of what begins at that offset, and returns its index. */
    int showMore(int offset) {
        if (offset == base) {
            lengthen(2L * bytes.length);
        }
        return move(offset);
    }

    /** From now on numbers of that length begin where they are shown to their end. */
    void expect(int longest) {
        if (text.byteSize() > 0 && longest > margin - 1) {
            margin = longest + 1;
            // With twice their length the window moves on by half of it at least.
            if (bytes.length <= Math.min(end, 2L * margin)) {
                lengthen(2L * margin + 1);
            }
            load(0);
        }
    }

    private void lengthen(long length) {
        int needed = (int) Math.min(length, end + 1L);
        growth.accept(needed);
        bytes = new byte[needed];
    }

    private void load(int offset) {
        base = offset;
        limit = Math.min(bytes.length - 1, end - offset);
        MemorySegment.copy(text, ValueLayout.JAVA_BYTE, offset, bytes, 0, limit);
        bytes[limit] = 0;
        safe = offset + limit == end ? limit : limit - margin;
    }
}
