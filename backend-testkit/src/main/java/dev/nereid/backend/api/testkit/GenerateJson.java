package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What requests and responses look like to {@code generate_stream}: plain JSON whose keys are the names of tensors. Shapes
 * are not told; both sides find them from the configuration and the number of elements. Numbers have 53 bits.
 *
 * @param config the model's configuration
 */
record GenerateJson(ModelConfig config) {
    private static final String EVENT = "data: ";
    private static final String ERROR = "error";

    /** Returns whether requests and responses of that model can be written and read. */
    static boolean isFor(ModelConfig config) {
        return config.inputs().stream().map(input -> input.dataType()).allMatch(GenerateJson::isPlain)
                && config.outputs().stream().map(output -> output.dataType()).allMatch(GenerateJson::isPlain);
    }

    private static boolean isPlain(Optional<DataType> type) {
        return type.isPresent() && type.get() != DataType.FP16 && type.get() != DataType.BF16;
    }

    /** Returns whether the request can be written: a tensor without elements has no shape then. */
    static boolean canWrite(TestRequest request) {
        return request.inputs().stream().allMatch(input -> input.byteSize() > 0);
    }

    /** Returns a request's body. */
    String write(TestRequest request) {
        Map<String, Object> json = new LinkedHashMap<>();
        if (!request.id().isEmpty()) {
            json.put("id", request.id());
        }
        request.parameters().forEach((name, value) -> json.put(name, plain(value)));
        request.inputs().forEach(input -> json.put(input.name(), elements(input)));
        return Json.write(json);
    }

    /** Returns a parameter's value. */
    static Object plain(Parameter parameter) {
        return switch (parameter) {
            case Parameter.Int number -> number.value();
            case Parameter.Real number -> number.value();
            case Parameter.Bool truth -> truth.value();
            case Parameter.Text text -> text.value();
        };
    }

    private static List<Object> elements(TestTensor tensor) {
        if (tensor.dataType() == DataType.BYTES) {
            return List.copyOf(tensor.strings());
        }
        ByteBuffer data = ByteBuffer.wrap(tensor.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        List<Object> elements = new ArrayList<>();
        while (data.hasRemaining()) {
            elements.add(switch (tensor.dataType()) {
                case BOOL -> data.get() != 0;
                case UINT8 -> Byte.toUnsignedInt(data.get());
                case UINT16 -> Short.toUnsignedInt(data.getShort());
                case UINT32 -> Integer.toUnsignedLong(data.getInt());
                case INT8 -> data.get();
                case INT16 -> data.getShort();
                case INT32 -> data.getInt();
                case INT64, UINT64 -> data.getLong();
                case FP32 -> Double.parseDouble(Float.toString(data.getFloat()));
                case FP64 -> data.getDouble();
                case FP16, BF16, BYTES -> throw new IllegalStateException("no plain numbers");
            });
        }
        return elements;
    }

    /** Reads the events of an answer. */
    TestResult read(String body) {
        List<TestResult.Response> responses = new ArrayList<>();
        Optional<InferenceException> error = Optional.empty();
        for (String line : body.lines().filter(each -> each.startsWith(EVENT)).toList()) {
            Map<String, @Nullable Object> json = Json.readObject(line.substring(EVENT.length()));
            Object text = json.get(ERROR);
            if (text != null && json.size() == 1) {
                // Which code it had, an event does not tell.
                error = Optional.of(new InferenceException(StatusCode.UNKNOWN, text.toString()));
            } else {
                responses.add(response(json));
            }
        }
        return new TestResult(responses, error);
    }

    private TestResult.Response response(Map<String, @Nullable Object> json) {
        List<TestTensor> outputs = new ArrayList<>();
        for (ModelOutput output : config.outputs()) {
            Object value = json.get(output.name());
            if (value != null) {
                List<?> elements = value instanceof List<?> list ? list : List.of(value);
                outputs.add(tensor(output, elements));
            }
        }
        return new TestResult.Response(outputs, Map.of());
    }

    private TestTensor tensor(ModelOutput output, List<?> elements) {
        DataType type = output.dataType().orElseThrow();
        Shape shape = shape(config.isBatching() ? output.dims().prepend(Dims.ANY) : output.dims(), elements.size());
        if (type == DataType.BYTES) {
            return TestTensor.strings(output.name(), shape,
                    elements.stream().map(Object::toString).toArray(String[]::new));
        }
        ByteBuffer data = ByteBuffer.allocate(elements.size() * type.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
        for (Object element : elements) {
            if (element instanceof Boolean truth) {
                data.put((byte) (truth ? 1 : 0));
            } else {
                put(data, type, (Double) element);
            }
        }
        return TestTensor.of(output.name(), type, shape, data.array());
    }

    private static void put(ByteBuffer data, DataType type, double value) {
        switch (type) {
            case UINT8, INT8 -> data.put((byte) (long) value);
            case UINT16, INT16 -> data.putShort((short) (long) value);
            case UINT32, INT32 -> data.putInt((int) (long) value);
            case UINT64, INT64 -> data.putLong((long) value);
            case FP32 -> data.putFloat((float) value);
            case FP64 -> data.putDouble(value);
            case BOOL, FP16, BF16, BYTES -> throw new IllegalStateException("no plain numbers");
        }
    }

    /** Returns the shape of so many elements: the innermost dimension of any size takes what the others leave. */
    private static Shape shape(Dims dims, int count) {
        long[] shape = dims.toArray();
        long left = count;
        for (long size : shape) {
            left /= size == Dims.ANY ? 1 : Math.max(1, size);
        }
        for (int i = shape.length - 1; i >= 0; i--) {
            if (shape[i] == Dims.ANY) {
                shape[i] = left;
                left = 1;
            }
        }
        return Shape.of(shape);
    }
}
