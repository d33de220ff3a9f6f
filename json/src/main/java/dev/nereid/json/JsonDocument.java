package dev.nereid.json;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A parsed JSON text. Parsing checks the whole text and notes where values lie; strings and numbers are decoded when
 * they are asked for, straight from the text, which must therefore stay unchanged while the document is in use.
 *
 * <p>Each value outside an array of scalars is one long on a tape: tag, offset in the text, and either the length of a
 * string, the number of elements, or the place on the tape behind the value. An array that holds no array and no object
 * is one entry however long it is, so a tensor of a million numbers takes eight bytes here.
 *
 * <p>The text is an array, or it lies in other memory and is looked at through a {@link TextWindow}.
 *
 * <p>Reusable: {@link #parse} forgets the text before. For one thread.
 */
public final class JsonDocument {
    static final int NULL = 0;
    static final int FALSE = 1;
    static final int TRUE = 2;
    static final int NUMBER = 3;
    public static final int STRING = 4;
    public static final int ESCAPED_STRING = 5;
    public static final int OBJECT = 6;
    /** An array with an array or an object in it: its elements follow on the tape. */
    public static final int NESTED_ARRAY = 7;
    /** An array of scalars: its elements are in the text only. */
    public static final int FLAT_ARRAY = 8;

    private static final int MAX_LENGTH = 1 << 29;
    private static final int MAX_DEPTH = 10_000;
    private static final int RETAINED_ENTRIES = 1 << 16;
    private static final int RECENT_VALUES = 64;
    /** About what a view, and its place in a list, take. */
    private static final long VIEW_SIZE = 32;

    private final LongConsumer growth;
    private final TextWindow window;
    private final JsonScanner scanner;
    private final JsonStrings strings;
    /** The last views of values that lay so far in front on the tape: most texts have the structure of the one before. */
    private final @Nullable JsonValue[] recent = new JsonValue[RECENT_VALUES];
    /** The bytes of all strings that are no elements of an array of scalars. */
    private long stringBytes;
    private long[] tape = new long[256];
    private int size;
    private int[] open = new int[16];
    private int depth;

    /** Creates a document; its first use is {@link #parse}. */
    public JsonDocument() {
        this(_ -> {
        });
    }

    /**
     * Creates a document that asks before its memory grows.
     *
     * @param growth gets the number of bytes that are to be taken from the heap, beside a text and its window that were
     *        given; may throw
     */
    public JsonDocument(LongConsumer growth) {
        this.growth = growth;
        window = new TextWindow(growth);
        scanner = new JsonScanner(window);
        strings = new JsonStrings(window, growth);
    }

    /**
     * Parses that part of a buffer and returns the root.
     *
     * @throws InferenceException INVALID_ARG when it is not one JSON value
     */
    public JsonValue parse(byte[] buffer, int offset, int length) {
        checkLength(length);
        window.show(buffer, offset, length);
        return parse(offset);
    }

    /**
     * Parses a text and returns the root. What is asked for later is read from the text, too, through the same window.
     *
     * @param part shows a part of the text at a time, so it should be far longer than most numbers are; at least
     *        {@link TextWindow#MIN_LENGTH} bytes
     * @throws InferenceException INVALID_ARG when it is not one JSON value
     */
    public JsonValue parse(MemorySegment text, byte[] part) {
        checkLength(text.byteSize());
        window.show(text, part);
        JsonValue root = parse(0);
        window.expect(scanner.longestNumber());
        // Nothing else bounds what strings take that are asked for.
        growth.accept(stringBytes);
        return root;
    }

    private static void checkLength(long length) {
        if (length >= MAX_LENGTH) {
            throw InferenceException.invalid("request JSON of " + length + " bytes is too long");
        }
    }

    private JsonValue parse(int start) {
        stringBytes = 0;
        size = 0;
        depth = 0;
        if (tape.length > RETAINED_ENTRIES) {
            tape = new long[RETAINED_ENTRIES];
        }
        scanner.begin(start);
        if (scanner.peekBehindSpace() == 0) {
            throw scanner.failure("The document is empty.", scanner.position());
        }
        parseAll();
        if (scanner.peekBehindSpace() != 0) {
            throw scanner.failure("The document root must not be followed by other values.", scanner.position());
        }
        return valueAt(0);
    }

    /** Lets go of the text; its values can't be asked any longer. */
    public void forget() {
        window.forget();
        scanner.forget();
    }

    /** Parses a buffer and returns the root. */
    public JsonValue parse(byte[] buffer) {
        return parse(buffer, 0, buffer.length);
    }

    private void parseAll() {
        do {
            byte first = scanner.peek();
            boolean isComplete = switch (first) {
                case '{' -> !openObject();
                case '[' -> flatArray() || !openArray();
                default -> {
                    append(scalar(first));
                    yield true;
                }
            };
            if (isComplete) {
                closeAll();
            }
        } while (depth > 0);
    }

    /** Closes what ends here; afterwards the position is on the next value, or nothing is open. */
    private void closeAll() {
        while (depth > 0) {
            int container = open[depth - 1];
            boolean isObject = tag(tape[container]) == OBJECT;
            byte next = scanner.peekBehindSpace();
            if (next == ',') {
                scanner.step();
                scanner.peekBehindSpace();
                if (isObject) {
                    name();
                }
                return;
            }
            if (next != (isObject ? '}' : ']')) {
                throw scanner.failure(
                        isObject ? JsonScanner.MISSING_COMMA_IN_OBJECT : JsonScanner.MISSING_COMMA_IN_ARRAY,
                        scanner.position());
            }
            scanner.step();
            close();
        }
    }

    /** Returns whether the object has members; the position is then on the first value. */
    private boolean openObject() {
        push(OBJECT);
        if (scanner.peekBehindSpace() == '}') {
            scanner.step();
            close();
            return false;
        }
        name();
        return true;
    }

    private boolean openArray() {
        push(NESTED_ARRAY);
        scanner.peekBehindSpace();
        return true;
    }

    private void push(int tag) {
        if (depth == MAX_DEPTH) {
            throw InferenceException
                    .invalid("JSON nesting depth exceeds maximum allowed limit (" + MAX_DEPTH + ")");
        }
        if (depth == open.length) {
            open = Arrays.copyOf(open, 2 * depth);
        }
        open[depth++] = size;
        append(entry(tag, scanner.position(), 0));
        scanner.step();
    }

    private void close() {
        int container = open[--depth];
        tape[container] |= size;
    }

    private void name() {
        if (scanner.peek() != '"') {
            throw scanner.failure(JsonScanner.MISSING_NAME, scanner.position());
        }
        append(string());
        if (scanner.peekBehindSpace() != ':') {
            throw scanner.failure(JsonScanner.MISSING_COLON, scanner.position());
        }
        scanner.step();
        scanner.peekBehindSpace();
    }

    private long scalar(byte first) {
        if (first == '"') {
            return string();
        }
        int start = scanner.position();
        scanner.scalar(first);
        return entry(tagOfScalar(first), start, 0);
    }

    private long string() {
        int start = scanner.position();
        scanner.string();
        int length = scanner.position() - start - 2;
        stringBytes += length;
        return entry(scanner.isEscaped() ? ESCAPED_STRING : STRING, start, length);
    }

    /**
     * Moves over an array of scalars and notes it; where it meets an array or an object it goes back to the start. What
     * is then read twice are scalars directly in this array, so no byte is read more than twice.
     */
    private boolean flatArray() {
        int start = scanner.position();
        scanner.step();
        int count = 0;
        byte next = scanner.peekBehindSpace();
        if (next != ']') {
            while (true) {
                if (next == '[' || next == '{') {
                    scanner.moveTo(start);
                    return false;
                }
                if (next == '"') {
                    scanner.string();
                } else {
                    scanner.scalar(next);
                }
                count++;
                next = scanner.peekBehindSpace();
                if (next == ']') {
                    break;
                }
                if (next != ',') {
                    throw scanner.failure(JsonScanner.MISSING_COMMA_IN_ARRAY, scanner.position());
                }
                scanner.step();
                next = scanner.peekBehindSpace();
            }
        }
        scanner.step();
        append(entry(FLAT_ARRAY, start, count));
        return true;
    }

    private void append(long entry) {
        if (size == tape.length) {
            growth.accept(2L * size * Long.BYTES);
            tape = Arrays.copyOf(tape, 2 * size);
        }
        tape[size++] = entry;
    }

    private static long entry(int tag, int start, int extra) {
        return ((long) tag << 60) | ((long) start << 29) | extra;
    }

    private static int tagOfScalar(byte first) {
        return switch (first) {
            case 't' -> TRUE;
            case 'f' -> FALSE;
            case 'n' -> NULL;
            default -> NUMBER;
        };
    }

    // Reading, for the other classes of this package.

    public static int tag(long entry) {
        return (int) (entry >>> 60);
    }

    public static int start(long entry) {
        return (int) (entry >>> 29) & Integer.MAX_VALUE;
    }

    /** The length of a string's text, the number of elements of a flat array, or the index behind a container. */
    public static int extra(long entry) {
        return (int) entry & (MAX_LENGTH - 1);
    }

    JsonStrings strings() {
        return strings;
    }

    /** Returns what the text is read from. */
    public TextWindow window() {
        return window;
    }

    public long entryAt(int index) {
        return tape[index];
    }

    /** Returns the value at that index. A view is all that its entry says, so one of an earlier text is as good. */
    JsonValue valueAt(int index) {
        long entry = tape[index];
        if (index >= RECENT_VALUES) {
            return new JsonValue(this, entry, index);
        }
        JsonValue value = recent[index];
        if (value == null || value.entry() != entry) {
            value = new JsonValue(this, entry, index);
            recent[index] = value;
        }
        return value;
    }

    /** Returns the index behind the value at that index. */
    public int next(int index) {
        long entry = tape[index];
        int tag = tag(entry);
        return tag == OBJECT || tag == NESTED_ARRAY ? extra(entry) : index + 1;
    }

    /** Returns views of the elements of an array of scalars. */
    JsonValue[] elements(long flatArray) {
        JsonValue[] elements = views(extra(flatArray));
        scanner.moveTo(start(flatArray));
        for (int i = 0; i < elements.length; i++) {
            // Behind the bracket, or a comma.
            scanner.step();
            elements[i] = new JsonValue(this, scalar(scanner.peekBehindSpace()), -1);
            scanner.peekBehindSpace();
        }
        return elements;
    }

    /** Returns room for that many views. */
    JsonValue[] views(int count) {
        growth.accept(VIEW_SIZE * count);
        return new JsonValue[count];
    }

    /** Returns room for that many numbers. */
    long[] numbers(int count) {
        growth.accept((long) Long.BYTES * count);
        return new long[count];
    }
}
