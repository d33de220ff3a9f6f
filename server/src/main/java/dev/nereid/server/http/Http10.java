package dev.nereid.server.http;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Lets a request of HTTP/1.0 pass for one of HTTP/1.1 that ends its connection, since Helidon knows 1.1 only. The answer
 * suits both: it has a length, is not chunked, and says that the connection is closed.
 */
final class Http10 {
    private static final String VERSION_10 = " HTTP/1.0";
    private static final String VERSION_11 = " HTTP/1.1";
    private static final String LINE = "\r\n";
    private static final String END = LINE + LINE;

    private Http10() {
    }

    /**
     * Returns the first bytes of a connection, changed where they are a request of HTTP/1.0.
     *
     * @param source the connection's bytes; null at their end
     * @param maxHead up to here the end of the first line and of the headers is looked for
     */
    static byte @Nullable [] adapt(Supplier<byte @Nullable []> source, int maxHead) {
        byte[] first = source.get();
        if (first == null) {
            return null;
        }
        String head = text(first);
        ByteArrayOutputStream more = new ByteArrayOutputStream();
        more.writeBytes(first);
        while (isIncomplete(head) && head.length() < maxHead) {
            byte[] next = source.get();
            if (next == null) {
                break;
            }
            more.writeBytes(next);
            head = text(more.toByteArray());
        }
        int line = head.indexOf(LINE);
        if (line < 0 || !head.startsWith(VERSION_10, line - VERSION_10.length())) {
            return more.toByteArray();
        }
        return adapted(head, line).getBytes(StandardCharsets.ISO_8859_1);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    /** Returns whether more bytes are needed: to see the first line, or, in HTTP/1.0, all headers. */
    private static boolean isIncomplete(String head) {
        int line = head.indexOf('\n');
        return line < 0 || (head.startsWith(VERSION_10 + "\r", line - VERSION_10.length() - 1) && !head.contains(END));
    }

    private static String adapted(String head, int line) {
        int end = head.indexOf(END);
        String headers = end < 0 ? head.substring(line) : head.substring(line, end);
        StringBuilder changed = new StringBuilder(head.length() + 64);
        changed.append(head, 0, line - VERSION_10.length()).append(VERSION_11);
        changed.append(LINE).append("Connection: close");
        for (String header : headers.split(LINE, -1)) {
            if (!header.isEmpty() && !header.toLowerCase(Locale.ROOT).startsWith("connection:")) {
                changed.append(LINE).append(header);
            }
        }
        return end < 0 ? changed.toString() : changed.append(head, end, head.length()).toString();
    }
}
