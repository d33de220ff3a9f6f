package dev.nereid.distribution;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** A recorded exchange with the reference: the request byte for byte, and its answer. */
final class Recording {
    private static final int TIMEOUT_MILLIS = 30_000;

    private final JsonValue line;

    Recording(JsonValue line) {
        this.line = line;
    }

    /** A recorded session: the flags of its server and its exchanges. */
    record Session(String name, List<String> flags, List<Recording> exchanges) {
        static Session read(Path file) throws IOException {
            List<String> lines = Files.readAllLines(file);
            JsonValue head = parse(lines.getFirst());
            List<String> flags = head.member("server_flags").elements().stream().map(JsonValue::asString).toList();
            List<Recording> exchanges = lines.stream().skip(1).map(text -> new Recording(parse(text))).toList();
            return new Session(head.member("session").asString(), flags, exchanges);
        }

        private static JsonValue parse(String text) {
            return new JsonDocument().parse(text.getBytes(StandardCharsets.UTF_8));
        }
    }

    /** An answer off the wire. */
    static final class Answer {
        private final int status;
        private final Map<String, String> headers;
        private final byte[] body;

        Answer(int status, Map<String, String> headers, byte[] body) {
            this.status = status;
            this.headers = headers;
            this.body = body;
        }

        int status() {
            return status;
        }

        Map<String, String> headers() {
            return headers;
        }

        byte[] body() {
            return body;
        }

        String text() {
            return new String(body, StandardCharsets.UTF_8);
        }
    }

    String name() {
        return line.member("name").asString();
    }

    boolean isManual() {
        return flag("manual");
    }

    boolean isSetupOnly() {
        return flag("setup_only");
    }

    private boolean flag(String name) {
        Optional<JsonValue> found = line.find(name);
        return found.isPresent() && found.get().isBoolean() && found.get().asBoolean();
    }

    Answer expected() {
        JsonValue response = line.member("response");
        Map<String, String> headers = new HashMap<>();
        headers(response).forEach(header -> headers.put(header.get(0).toLowerCase(Locale.ROOT), header.get(1)));
        byte[] body = body(response);
        Optional<JsonValue> chunks = response.find("chunks");
        if (body.length == 0 && chunks.isPresent()) {
            StringBuilder text = new StringBuilder();
            chunks.get().elements().forEach(chunk -> text.append(chunk.asString()));
            body = text.toString().getBytes(StandardCharsets.UTF_8);
        }
        return new Answer((int) response.member("status").asLong(), headers, body);
    }

    /** Sends the request as it was recorded. */
    Answer send(int port) throws IOException {
        JsonValue request = line.member("request");
        byte[] body = body(request);
        String version = request.find("http_version").map(JsonValue::asString).orElse("HTTP/1.1");
        StringBuilder head = new StringBuilder();
        head.append(request.member("method").asString()).append(' ').append(request.member("path").asString())
                .append(' ').append(version.startsWith("HTTP/") ? version : "HTTP/" + version).append("\r\n");
        headers(request)
                .forEach(header -> head.append(header.get(0)).append(": ").append(header.get(1)).append("\r\n"));
        head.append("\r\n");
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), TIMEOUT_MILLIS);
            socket.setSoTimeout(TIMEOUT_MILLIS);
            OutputStream out = socket.getOutputStream();
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            bytes.write(head.toString().getBytes(StandardCharsets.ISO_8859_1));
            Optional<JsonValue> chunks = request.find("chunk_sizes");
            if (chunks.isPresent() && chunks.get().elementCount() > 0) {
                int at = 0;
                for (JsonValue chunk : chunks.get().elements()) {
                    int size = (int) chunk.asLong();
                    bytes.write((Integer.toHexString(size) + "\r\n").getBytes(StandardCharsets.US_ASCII));
                    bytes.write(body, at, size);
                    bytes.write("\r\n".getBytes(StandardCharsets.US_ASCII));
                    at += size;
                }
                bytes.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            } else {
                bytes.write(body);
            }
            try {
                out.write(bytes.toByteArray());
                out.flush();
            } catch (IOException e) {
                // The server may answer and close before it has read everything.
            }
            return receive(socket.getInputStream(), request.member("method").asString());
        }
    }

    static Answer receive(InputStream in, String method) throws IOException {
        String statusLine = readLine(in);
        int status = Integer.parseInt(statusLine.split(" ", -1)[1]);
        Map<String, String> headers = new HashMap<>();
        for (String header = readLine(in); !header.isEmpty(); header = readLine(in)) {
            int colon = header.indexOf(':');
            headers.put(header.substring(0, colon).trim().toLowerCase(Locale.ROOT), header.substring(colon + 1).trim());
        }
        if (status == 100) {
            return receive(in, method);
        }
        if (method.equals("HEAD")) {
            return new Answer(status, headers, new byte[0]);
        }
        if (headers.getOrDefault("transfer-encoding", "").equals("chunked")) {
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            for (int size = chunkSize(in); size > 0; size = chunkSize(in)) {
                body.write(in.readNBytes(size));
                readLine(in);
            }
            return new Answer(status, headers, body.toByteArray());
        }
        String length = headers.get("content-length");
        return new Answer(status, headers,
                length == null ? in.readAllBytes() : in.readNBytes(Integer.parseInt(length)));
    }

    private static int chunkSize(InputStream in) throws IOException {
        return Integer.parseInt(readLine(in).split(";", -1)[0].trim(), 16);
    }

    private static String readLine(InputStream in) throws IOException {
        StringBuilder text = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                throw new IOException("the connection ended after '" + text + "'");
            }
            if (c != '\r') {
                text.append((char) c);
            }
        }
        return text.toString();
    }

    static byte[] body(JsonValue part) {
        Optional<JsonValue> base64 = part.find("body_base64");
        if (base64.isPresent()) {
            return Base64.getDecoder().decode(base64.get().asString());
        }
        return part.find("body").map(JsonValue::asString).orElse("").getBytes(StandardCharsets.UTF_8);
    }

    private static List<List<String>> headers(JsonValue part) {
        List<List<String>> headers = new ArrayList<>();
        part.member("headers").elements().forEach(pair -> headers.add(
                pair.elements().stream().map(JsonValue::asString).toList()));
        return headers;
    }

    /** Copies a directory tree. */
    static void copyTree(Path from, Path to) throws IOException {
        try (var files = Files.walk(from)) {
            files.forEach(source -> {
                try {
                    Path target = to.resolve(from.relativize(source).toString());
                    if (Files.isDirectory(source)) {
                        Files.createDirectories(target);
                    } else if (!source.endsWith(".keep")) {
                        Files.copy(source, target);
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }
}
