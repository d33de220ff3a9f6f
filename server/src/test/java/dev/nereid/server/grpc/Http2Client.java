package dev.nereid.server.grpc;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;

/** Writes HTTP/2 frames, good and bad ones, by hand. */
final class Http2Client implements AutoCloseable {
    static final int DATA = 0;
    static final int HEADERS = 1;
    static final int RESET = 3;
    static final int SETTINGS = 4;
    static final int GOAWAY = 7;
    static final int CONTINUATION = 9;
    static final int WINDOW_UPDATE = 8;
    static final int END_HEADERS = 4;
    static final int END_STREAM = 1;

    private final Socket socket;
    private final OutputStream out;
    private final DataInputStream in;

    /** A frame. */
    record Frame(int type, int flags, int stream, String payload) {
    }

    Http2Client(int port) throws IOException {
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setSoTimeout(20_000);
        out = new java.io.BufferedOutputStream(socket.getOutputStream(), 1 << 16);
        in = new DataInputStream(new java.io.BufferedInputStream(socket.getInputStream()));
    }

    /** Starts as a client does that knows the protocol. */
    static Http2Client start(int port) throws IOException {
        Http2Client client = new Http2Client(port);
        client.begin(new byte[0]);
        return client;
    }

    /** Begins with such settings. */
    void begin(byte[] settings) throws IOException {
        write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(US_ASCII));
        frame(SETTINGS, 0, 0, settings);
    }

    /** Returns settings by which so many bytes may be sent for each call. */
    static byte[] windows(int bytes) {
        return ByteBuffer.allocate(6).putShort((short) 4).putInt(bytes).array();
    }

    /** Returns a message as it is put into data. */
    static byte[] framed(byte[] message) {
        return ByteBuffer.allocate(5 + message.length).put((byte) 0).putInt(message.length).put(message).array();
    }

    Http2Client write(byte[] bytes) throws IOException {
        out.write(bytes);
        out.flush();
        return this;
    }

    void queue(int type, int flags, int stream, byte[] payload) throws IOException {
        out.write(new byte[]{(byte) (payload.length >>> 16), (byte) (payload.length >>> 8), (byte) payload.length,
            (byte) type, (byte) flags, (byte) (stream >>> 24), (byte) (stream >>> 16), (byte) (stream >>> 8),
            (byte) stream});
        out.write(payload);
    }

    Http2Client frame(int type, int flags, int stream, byte[] payload) throws IOException {
        queue(type, flags, stream, payload);
        out.flush();
        return this;
    }

    void flush() throws IOException {
        out.flush();
    }

    /** Returns the headers of a call, without any compression. */
    static byte[] call(String path) {
        ByteArrayOutputStream block = new ByteArrayOutputStream();
        header(block, ":method", "POST");
        header(block, ":scheme", "http");
        header(block, ":path", path);
        header(block, ":authority", "localhost");
        header(block, "content-type", "application/grpc");
        header(block, "te", "trailers");
        return block.toByteArray();
    }

    static void header(ByteArrayOutputStream block, String name, String value) {
        block.write(0);
        block.write(name.length());
        block.writeBytes(name.getBytes(US_ASCII));
        block.write(value.length());
        block.writeBytes(value.getBytes(US_ASCII));
    }

    /** Returns the next frame. */
    Frame read() throws IOException {
        int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
        int type = in.readUnsignedByte();
        int flags = in.readUnsignedByte();
        int stream = in.readInt();
        return new Frame(type, flags, stream, new String(in.readNBytes(length), ISO_8859_1));
    }

    /** Returns whether the server ends the connection; reads all that comes until then. */
    boolean isEnded() throws IOException {
        try {
            while (true) {
                if (in.read() < 0) {
                    return true;
                }
            }
        } catch (EOFException | SocketException e) {
            return true;
        } catch (java.net.SocketTimeoutException e) {
            return false;
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
