package dev.nereid.tools.perf;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.json.JsonWriter;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Turns inputs into the bytes of a whole HTTP request, made once and sent many times. */
final class RequestEncoder {
    private final Target target;
    private final String path;
    private final boolean isBinaryInput;
    private final boolean isBinaryOutput;

    RequestEncoder(Target target, String path, boolean isBinaryInput, boolean isBinaryOutput) {
        this.target = target;
        this.path = path;
        this.isBinaryInput = isBinaryInput;
        this.isBinaryOutput = isBinaryOutput;
    }

    byte[] encode(List<InputTensor> inputs) {
        return encode(inputs, SequencePlace.NONE);
    }

    byte[] encode(List<InputTensor> inputs, SequencePlace place) {
        JsonWriter json = new JsonWriter().beginObject();
        if (isBinaryOutput || place.isSequence()) {
            json.name("parameters").beginObject();
            if (place.isSequence()) {
                json.name("sequence_id").unsigned(place.id()).name("sequence_start").bool(place.isStart())
                        .name("sequence_end").bool(place.isEnd());
            }
            if (isBinaryOutput) {
                json.name("binary_data_output").bool(true);
            }
            json.endObject();
        }
        json.name("inputs").beginArray();
        inputs.forEach(input -> write(json, input));
        json.endArray().endObject();
        long tensorBytes = isBinaryInput ? inputs.stream().mapToLong(input -> input.bytes().length).sum() : 0;
        long length = json.size() + tensorBytes;
        String head = target.head("POST", path) + "Content-Type: "
                + (isBinaryInput ? "application/octet-stream" : "application/json") + "\r\nContent-Length: " + length
                + (isBinaryInput ? "\r\nInference-Header-Content-Length: " + json.size() : "") + "\r\n\r\n";
        byte[] headBytes = head.getBytes(StandardCharsets.UTF_8);
        if (headBytes.length + length > Integer.MAX_VALUE - 8) {
            throw new PerfException("a request of " + length + " bytes can't be sent");
        }
        ByteBuffer request = ByteBuffer.allocate((int) (headBytes.length + length));
        request.put(headBytes).put(json.buffer(), 0, json.size());
        if (isBinaryInput) {
            inputs.forEach(input -> request.put(input.bytes()));
        }
        return request.array();
    }

    private void write(JsonWriter json, InputTensor input) {
        json.beginObject().name("name").string(input.name()).name("shape").beginArray();
        input.shape().forEach(json::integer);
        json.endArray().name("datatype").string(input.dataType().name());
        if (isBinaryInput) {
            json.name("parameters").beginObject().name("binary_data_size").integer(input.bytes().length).endObject();
        } else {
            json.name("data").beginArray();
            writeElements(json, input);
            json.endArray();
        }
        json.endObject();
    }

    /** Writes the elements one after the other, without the brackets around them. */
    static void writeElements(JsonWriter json, InputTensor input) {
        DataType dataType = input.dataType();
        ByteBuffer data = ByteBuffer.wrap(input.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        MemorySegment segment = MemorySegment.ofArray(input.bytes());
        while (data.hasRemaining()) {
            switch (dataType) {
                case BOOL -> json.bool(data.get() != 0);
                case UINT8 -> json.integer(Byte.toUnsignedInt(data.get()));
                case UINT16 -> json.integer(Short.toUnsignedInt(data.getShort()));
                case UINT32 -> json.integer(Integer.toUnsignedLong(data.getInt()));
                case UINT64 -> json.unsigned(data.getLong());
                case INT8 -> json.integer(data.get());
                case INT16 -> json.integer(data.getShort());
                case INT32 -> json.integer(data.getInt());
                case INT64 -> json.integer(data.getLong());
                // Through text, so that 0.1f is written with one digit and not with seventeen.
                case FP32 -> json.number(Double.parseDouble(Float.toString(data.getFloat())));
                case FP64 -> json.number(data.getDouble());
                case BYTES -> {
                    int length = data.getInt();
                    json.string(segment, data.position(), length);
                    data.position(data.position() + length);
                }
                case FP16, BF16 -> throw new PerfException("input '" + input.name() + "' has the datatype " + dataType
                        + ", which JSON can't carry; use --input-tensor-format=binary, or -i grpc");
            }
        }
    }
}
