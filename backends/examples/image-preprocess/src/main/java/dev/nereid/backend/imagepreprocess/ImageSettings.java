package dev.nereid.backend.imagepreprocess;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The parameters of a model configuration that this backend knows.
 *
 * @param width of the tensor
 * @param height of the tensor
 * @param mean {@code mean}: what is subtracted from red, green and blue, which go from 0 to 1
 * @param deviation {@code std}: what they are then divided by
 * @param maxPixels {@code max_pixels}: the largest picture that is decoded
 * @param maxBytes {@code max_image_bytes}: the largest file that is looked at
 * @param calledModel {@code call_model}: the model that the tensor goes to
 * @param calledInput {@code call_input}: that model's input
 */
record ImageSettings(int width, int height, List<Float> mean, List<Float> deviation, int maxPixels, int maxBytes,
        Optional<String> calledModel, String calledInput) {
    static final int CHANNELS = 3;

    private static final int MAX_SIDE = 4096;
    private static final int DEFAULT_MAX_PIXELS = 16 << 20;
    private static final int DEFAULT_MAX_BYTES = 16 << 20;
    private static final Pattern SIZE = Pattern.compile("(\\d{1,4})x(\\d{1,4})");
    private static final Pattern COMMA = Pattern.compile("\\s*,\\s*");

    static ImageSettings of(ModelConfig config) {
        Optional<String> calledModel = Optional.ofNullable(config.parameters().get("call_model"));
        Dims size = size(config, calledModel.isPresent());
        List<Float> deviation = channels(config, "std", 1);
        if (deviation.contains(0f)) {
            throw InferenceException.invalid("parameter 'std' is '" + config.parameters().get("std")
                    + "', expected three numbers other than 0");
        }
        return new ImageSettings((int) size.get(1), (int) size.get(0), channels(config, "mean", 0), deviation,
                limit(config, "max_pixels", DEFAULT_MAX_PIXELS), limit(config, "max_image_bytes", DEFAULT_MAX_BYTES),
                calledModel, config.parameters().getOrDefault("call_input", "INPUT0"));
    }

    /** Returns height and width: of the parameter, of the output, or of both where they agree. */
    private static Dims size(ModelConfig config, boolean calls) {
        Optional<Dims> stated = Optional.ofNullable(config.parameters().get("size")).map(ImageSettings::parseSize);
        if (calls) {
            return stated.orElseThrow(() -> InferenceException
                    .invalid("parameter 'size' is missing, expected <width>x<height> as the called model takes it"));
        }
        if (config.outputs().size() != 1) {
            throw InferenceException.invalid("the model has " + config.outputs().size() + " outputs, expected 1");
        }
        ModelOutput output = config.outputs().getFirst();
        Dims dims = output.backendDims();
        String shown = "output '" + output.name() + "' is "
                + output.dataType().map(DataType::configName).orElse("TYPE_INVALID") + dims;
        if (!output.dataType().equals(Optional.of(DataType.FP32)) || dims.rank() != 3 || dims.get(0) != CHANNELS) {
            throw InferenceException.invalid(shown + ", expected TYPE_FP32[3,<height>,<width>]");
        }
        Dims size = stated.orElseGet(() -> Dims.of(dims.get(1), dims.get(2)));
        for (int i = 0; i < 2; i++) {
            if (size.get(i) < 1 || size.get(i) > MAX_SIDE) {
                throw InferenceException.invalid(shown + ", expected sides from 1 to " + MAX_SIDE
                        + ", or -1 and parameter 'size' with <width>x<height>");
            }
            if (dims.get(i + 1) != Dims.ANY && dims.get(i + 1) != size.get(i)) {
                throw InferenceException.invalid(shown + ", but parameter 'size' is '"
                        + config.parameters().get("size") + "' (width before height)");
            }
        }
        return size;
    }

    private static Dims parseSize(String text) {
        Matcher matcher = SIZE.matcher(text.strip());
        if (matcher.matches()) {
            int width = Integer.parseInt(matcher.group(1));
            int height = Integer.parseInt(matcher.group(2));
            if (Math.min(width, height) >= 1 && Math.max(width, height) <= MAX_SIDE) {
                return Dims.of(height, width);
            }
        }
        throw InferenceException.invalid(
                "parameter 'size' is '" + text + "', expected <width>x<height>, each from 1 to " + MAX_SIDE);
    }

    private static List<Float> channels(ModelConfig config, String parameter, float otherwise) {
        String text = config.parameters().get(parameter);
        if (text == null) {
            return List.of(otherwise, otherwise, otherwise);
        }
        try {
            List<Float> numbers = COMMA.splitAsStream(text.strip()).map(Float::valueOf).toList();
            if (numbers.size() == CHANNELS && numbers.stream().allMatch(Float::isFinite)) {
                return numbers;
            }
        } catch (NumberFormatException e) {
            // Told below, together with a wrong count.
        }
        throw InferenceException.invalid("parameter '" + parameter + "' is '" + text
                + "', expected three numbers with commas between them: red, green, blue");
    }

    private static int limit(ModelConfig config, String parameter, int otherwise) {
        double number = config.numberParameter(parameter, otherwise);
        if (number != Math.rint(number) || number < 1 || number > Integer.MAX_VALUE) {
            throw InferenceException.invalid("parameter '" + parameter + "' is '" + config.parameters().get(parameter)
                    + "', expected a whole number from 1 to " + Integer.MAX_VALUE);
        }
        return (int) number;
    }

    /** Returns the numbers of one picture's tensor. */
    int elements() {
        return CHANNELS * width * height;
    }
}
