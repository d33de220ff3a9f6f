package dev.nereid.server.trace;

import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TraceEvent;
import dev.nereid.json.JsonWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * Writes traces to files. Each file is a complete JSON array after every write, so that it can be read while the server
 * runs. For one thread.
 */
final class TraceFile implements AutoCloseable {
    private static final byte[] FIRST = "[".getBytes(StandardCharsets.UTF_8);
    private static final byte[] NEXT = ",".getBytes(StandardCharsets.UTF_8);
    private static final byte[] LAST = "]".getBytes(StandardCharsets.UTF_8);

    private final Path path;
    private final JsonWriter json = new JsonWriter();
    private final Output whole;
    private Output part;
    private int nextPart;

    TraceFile(Path path) {
        this.path = path;
        this.whole = new Output(path);
        this.part = new Output(path);
    }

    void write(RequestTrace trace) throws IOException {
        json.reset();
        writeEvents(trace);
        if (json.size() == 0) {
            return;
        }
        if (trace.logFrequency() == 0) {
            whole.append(json);
            return;
        }
        if (nextPart == 0 || part.traces >= trace.logFrequency()) {
            part.close();
            part = new Output(path.resolveSibling(path.getFileName() + "." + nextPart));
            nextPart++;
        }
        part.append(json);
    }

    private void writeEvents(RequestTrace trace) {
        for (TraceEvent event : trace.events()) {
            json.beginObject().name("id").integer(trace.id());
            write(event);
            json.endObject();
        }
        trace.children().forEach(this::writeEvents);
    }

    private void write(TraceEvent event) {
        switch (event) {
            case TraceEvent.Model model -> {
                json.name("model_name").string(model.name()).name("model_version").integer(model.version());
                if (!model.requestId().isEmpty()) {
                    json.name("request_id").string(model.requestId());
                }
                if (model.parentId() != 0) {
                    json.name("parent_id").integer(model.parentId());
                }
            }
            case TraceEvent.Mark mark -> json.name("timestamps").beginArray().beginObject().name("name")
                    .string(mark.point().name()).name("ns").integer(mark.nanos()).endObject().endArray();
            case TraceEvent.Content content -> json.name("activity").string(content.activity()).name("tensor")
                    .beginObject().name("name").string(content.name()).name("data").string(content.data())
                    .name("shape").string(content.shape()).name("dtype").string(content.dataType().name())
                    .endObject();
        }
    }

    @Override
    public void close() throws IOException {
        try (whole) {
            part.close();
        }
    }

    /** One file, opened with the first trace. */
    private static final class Output implements AutoCloseable {
        private final Path path;
        private @Nullable FileChannel channel;
        private int traces;

        Output(Path path) {
            this.path = path;
        }

        void append(JsonWriter json) throws IOException {
            FileChannel open = channel;
            if (open == null) {
                open = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE,
                        StandardOpenOption.TRUNCATE_EXISTING);
                channel = open;
            } else {
                open.position(open.size() - LAST.length);
            }
            ByteBuffer bytes = ByteBuffer.allocate(json.size() + FIRST.length + LAST.length);
            bytes.put(traces == 0 ? FIRST : NEXT).put(json.buffer(), 0, json.size()).put(LAST).flip();
            while (bytes.hasRemaining()) {
                open.write(bytes);
            }
            traces++;
        }

        @Override
        public void close() throws IOException {
            FileChannel open = channel;
            if (open != null) {
                open.close();
            }
        }
    }
}
