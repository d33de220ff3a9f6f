package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.tensor.DataType;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Writes ONNX models: enough of the format for samples and tests, without a library. Not checked; ONNX Runtime refuses
 * what makes no sense.
 *
 * {@snippet :
 * new OnnxGraph("add").input("A", DataType.FP32, -1, 16).input("B", DataType.FP32, -1, 16)
 *         .output("SUM", DataType.FP32, -1, 16).node("Add", List.of("A", "B"), List.of("SUM"))
 *         .write(Path.of("model.onnx"));
 * }
 */
public final class OnnxGraph {
    private static final long IR_VERSION = 8;
    private static final long OPERATOR_SET = 17;

    private final ProtoWriter nodes = new ProtoWriter();
    private final ProtoWriter graph = new ProtoWriter();

    /** Creates an empty graph. */
    public OnnxGraph(String name) {
        graph.text(2, name);
    }

    /**
     * Adds an input. One that has the name of a constant may be left out by a request.
     *
     * @param shape with -1 for any size
     */
    public OnnxGraph input(String name, DataType type, long... shape) {
        graph.message(11, tensorInfo(name, type, shape));
        return this;
    }

    /**
     * Adds an output.
     *
     * @param shape with -1 for any size
     */
    public OnnxGraph output(String name, DataType type, long... shape) {
        graph.message(12, tensorInfo(name, type, shape));
        return this;
    }

    /** Adds an input of any number of rows, a number that has a name. */
    public OnnxGraph inputOfRows(String name, DataType type, String rows, long... row) {
        graph.message(11, valueInfo(name, ofRows(type, rows, row)));
        return this;
    }

    /** Adds an output of any number of rows, a number that has a name. */
    public OnnxGraph outputOfRows(String name, DataType type, String rows, long... row) {
        graph.message(12, valueInfo(name, ofRows(type, rows, row)));
        return this;
    }

    /** Adds an output whose shape the model does not tell. */
    public OnnxGraph outputOfUnknownShape(String name, DataType type) {
        graph.message(12, valueInfo(name, new ProtoWriter().message(1, elementType(type))));
        return this;
    }

    /** Adds an output that is a sequence of tensors. */
    public OnnxGraph sequenceOutput(String name, DataType type) {
        ProtoWriter tensor = new ProtoWriter().message(1, elementType(type));
        graph.message(12, valueInfo(name, new ProtoWriter().message(4, new ProtoWriter().message(1, tensor))));
        return this;
    }

    /** Adds a constant. */
    public OnnxGraph constant(String name, long[] shape, float... values) {
        ByteBuffer data = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            data.putFloat(value);
        }
        return constant(name, DataType.FP32, shape, data.array());
    }

    /** Adds a constant of whole numbers. */
    public OnnxGraph constant(String name, long[] shape, long... values) {
        ByteBuffer data = ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (long value : values) {
            data.putLong(value);
        }
        return constant(name, DataType.INT64, shape, data.array());
    }

    /** Adds a constant of any datatype but BYTES, given as little-endian bytes. */
    public OnnxGraph constant(String name, DataType type, long[] shape, byte[] data) {
        graph.message(5, tensor(name, type, shape).bytes(9, data));
        return this;
    }

    /** Adds a constant whose bytes lie in another file, beside the model. */
    public OnnxGraph externalConstant(String name, DataType type, long[] shape, String file) {
        ProtoWriter location = new ProtoWriter().text(1, "location").text(2, file);
        graph.message(5, tensor(name, type, shape).message(13, location).number(14, 1));
        return this;
    }

    /** Adds an application of an operator of ONNX's standard set. */
    public OnnxGraph node(String operator, List<String> inputs, List<String> outputs, Attribute... attributes) {
        ProtoWriter node = new ProtoWriter();
        inputs.forEach(input -> node.text(1, input));
        outputs.forEach(output -> node.text(2, output));
        node.text(4, operator);
        for (Attribute attribute : attributes) {
            node.bytes(5, attribute.message.toBytes());
        }
        nodes.message(1, node);
        return this;
    }

    /** A setting of an operator. */
    public static final class Attribute {
        private final ProtoWriter message;

        private Attribute(String name, int type) {
            this.message = new ProtoWriter().text(1, name).number(20, type);
        }

        /** Returns a number. */
        public static Attribute of(String name, long value) {
            Attribute attribute = new Attribute(name, 2);
            attribute.message.number(3, value);
            return attribute;
        }

        /** Returns a real number. */
        public static Attribute of(String name, float value) {
            Attribute attribute = new Attribute(name, 1);
            attribute.message.real(2, value);
            return attribute;
        }

        /** Returns a list of numbers. */
        public static Attribute of(String name, List<Long> values) {
            Attribute attribute = new Attribute(name, 7);
            values.forEach(value -> attribute.message.number(8, value));
            return attribute;
        }
    }

    private static ProtoWriter tensor(String name, DataType type, long[] shape) {
        ProtoWriter tensor = new ProtoWriter();
        for (long dimension : shape) {
            tensor.number(1, dimension);
        }
        return tensor.number(2, OnnxTypes.code(type)).text(8, name);
    }

    private static ProtoWriter tensorInfo(String name, DataType type, long[] shape) {
        return valueInfo(name, new ProtoWriter().message(1, elementType(type).message(2, shapeOf(shape))));
    }

    private static ProtoWriter ofRows(DataType type, String rows, long[] row) {
        ProtoWriter shape = new ProtoWriter().message(1, new ProtoWriter().text(2, rows)).append(shapeOf(row));
        return new ProtoWriter().message(1, elementType(type).message(2, shape));
    }

    private static ProtoWriter elementType(DataType type) {
        return new ProtoWriter().number(1, OnnxTypes.code(type));
    }

    private static ProtoWriter shapeOf(long[] shape) {
        ProtoWriter message = new ProtoWriter();
        for (long dimension : shape) {
            ProtoWriter size = new ProtoWriter();
            // A size that is left out is any.
            message.message(1, dimension < 0 ? size : size.number(1, dimension));
        }
        return message;
    }

    private static ProtoWriter valueInfo(String name, ProtoWriter type) {
        return new ProtoWriter().text(1, name).message(2, type);
    }

    /** Returns the bytes of a file. */
    public byte[] toBytes() {
        ProtoWriter operators = new ProtoWriter().text(1, "").number(2, OPERATOR_SET);
        ProtoWriter model = new ProtoWriter().number(1, IR_VERSION).text(2, "nereid").message(8, operators);
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        whole.writeBytes(nodes.toBytes());
        whole.writeBytes(graph.toBytes());
        return model.bytes(7, whole.toByteArray()).toBytes();
    }

    /** Writes a file. */
    public void write(Path file) throws IOException {
        Files.write(file, toBytes());
    }
}
