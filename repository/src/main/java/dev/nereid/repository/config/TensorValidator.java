package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.proto.ConfigProto.BatchInput;
import dev.nereid.repository.config.proto.ConfigProto.BatchOutput;
import dev.nereid.repository.config.proto.ConfigProto.DataType;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelInput;
import dev.nereid.repository.config.proto.ConfigProto.ModelOutput;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Checks inputs and outputs, and the tensors made for ragged batching. */
final class TensorValidator {
    private static final long ANY = -1;

    private final ModelConfig config;

    private TensorValidator(ModelConfig config) {
        this.config = config;
    }

    static void check(ModelConfig config) {
        new TensorValidator(config).check();
    }

    static void checkSourceCounts(ModelConfig config) {
        TensorValidator validator = new TensorValidator(config);
        config.getBatchInputList().forEach(validator::checkSourceCount);
        config.getBatchOutputList().forEach(validator::checkSourceCount);
    }

    private void check() {
        for (ModelInput input : config.getInputList()) {
            checkShape("model input ", input.getName(), input.getDataType(), input.getDimsList(),
                    input.hasReshape() ? Optional.of(input.getReshape().getShapeList()) : Optional.empty());
            if (input.getFormat() != ModelInput.Format.FORMAT_NONE && input.getDimsCount() != 3) {
                throw invalid("model input NHWC/NCHW require 3 dims");
            }
            checkTensorRtOnly(input.getIsShapeTensor(), input.getIsNonLinearFormatIo(), input.getDimsCount(), "input");
        }
        for (ModelOutput output : config.getOutputList()) {
            checkShape("model output ", output.getName(), output.getDataType(), output.getDimsList(),
                    output.hasReshape() ? Optional.of(output.getReshape().getShapeList()) : Optional.empty());
            checkTensorRtOnly(output.getIsShapeTensor(), output.getIsNonLinearFormatIo(), output.getDimsCount(),
                    "output");
        }
        checkBatchInputs();
        checkBatchOutputs();
    }

    private void checkShape(String kind, String name, DataType type, List<Long> dims, Optional<List<Long>> reshape) {
        if (name.isEmpty()) {
            throw invalid(kind + "must specify 'name'");
        }
        String prefix = kind + "'" + name + "' ";
        if (type == DataType.TYPE_INVALID || type == DataType.UNRECOGNIZED) {
            throw invalid(prefix + "must specify 'data_type'");
        }
        if (dims.isEmpty()) {
            throw invalid(prefix + "must specify 'dims'");
        }
        checkSizes(prefix + "dimension", dims);
        reshape.ifPresent(shape -> checkReshape(prefix, dims, shape));
    }

    private void checkSizes(String subject, List<Long> dims) {
        if (dims.stream().anyMatch(dim -> dim < 1 && dim != ANY)) {
            throw invalid(subject + " must be integer >= 1, or -1 to indicate a variable-size dimension");
        }
    }

    /** Between dimensions of any size, dims and reshape must hold the same number of elements, part by part. */
    private void checkReshape(String prefix, List<Long> dims, List<Long> reshape) {
        if (reshape.isEmpty() && config.getMaxBatchSize() == 0) {
            throw invalid(prefix
                    + "cannot have empty reshape for non-batching model as scalar tensors are not supported");
        }
        if (reshape.stream().anyMatch(dim -> dim < 1 && dim != ANY)) {
            throw invalid(
                    prefix + "reshape dimensions must be integer >= 1, or -1 to indicate a variable-size dimension");
        }
        if (dims.contains(ANY) != reshape.contains(ANY)) {
            throw invalid(prefix + "has different size for dims and reshape");
        }
        List<BigInteger> sizes = partSizes(dims);
        List<BigInteger> reshapedSizes = partSizes(reshape);
        if (sizes.size() != reshapedSizes.size()) {
            throw invalid(prefix + "has different number of variable-size dimensions for dims and reshape");
        }
        if (!sizes.equals(reshapedSizes)) {
            throw invalid(prefix + "has different size for dims and reshape");
        }
    }

    private static List<BigInteger> partSizes(List<Long> dims) {
        List<BigInteger> sizes = new ArrayList<>();
        BigInteger size = BigInteger.ONE;
        for (long dim : dims) {
            if (dim == ANY) {
                sizes.add(size);
                size = BigInteger.ONE;
            } else {
                size = size.multiply(BigInteger.valueOf(dim));
            }
        }
        sizes.add(size);
        return sizes;
    }

    private void checkTensorRtOnly(boolean isShapeTensor, boolean isNonLinear, int rank, String direction) {
        boolean isTensorRt = config.getPlatform().equals(Platforms.TENSORRT_PLAN);
        if (isShapeTensor && !isTensorRt) {
            throw invalid("shape tensors are only supported for TensorRT platform");
        }
        if (isNonLinear && !isTensorRt) {
            throw invalid("Non-linear IO format is only supported for the TensorRT platform");
        }
        if (isNonLinear && rank != 3) {
            throw invalid("Non-linear IO format " + direction + " requires 3 dims");
        }
    }

    private void checkBatchInputs() {
        Set<String> inputs = new HashSet<>(config.getInputList().stream().map(ModelInput::getName).toList());
        for (BatchInput batchInput : config.getBatchInputList()) {
            checkSourceCount(batchInput);
            if (batchInput.getDataType() != DataType.TYPE_INT32 && batchInput.getDataType() != DataType.TYPE_FP32) {
                throw invalid("batch input data type must be TYPE_INT32 or TYPE_FP32");
            }
            checkSources(batchInput.getSourceInputList(), inputs);
        }
    }

    private void checkBatchOutputs() {
        Set<String> inputs = new HashSet<>(config.getInputList().stream().map(ModelInput::getName).toList());
        Set<String> outputs = new HashSet<>(config.getOutputList().stream().map(ModelOutput::getName).toList());
        Set<String> seen = new HashSet<>();
        for (BatchOutput batchOutput : config.getBatchOutputList()) {
            checkSourceCount(batchOutput);
            checkSources(batchOutput.getSourceInputList(), inputs);
            for (String target : batchOutput.getTargetNameList()) {
                if (!outputs.contains(target)) {
                    throw invalid("unknown target output name '" + target + "'");
                }
                if (!seen.add(target)) {
                    throw invalid("target output name '" + target + "' can only be specified once");
                }
            }
        }
    }

    private void checkSourceCount(BatchInput batchInput) {
        if (batchInput.getKind() == BatchInput.Kind.UNRECOGNIZED) {
            throw invalid("unknown batch input kind '" + batchInput.getKindValue() + "'");
        }
        if (batchInput.getSourceInputCount() != 1) {
            throw invalid("batch input kind '" + batchInput.getKind() + "' expects 1 source input, got "
                    + batchInput.getSourceInputCount());
        }
    }

    private void checkSourceCount(BatchOutput batchOutput) {
        if (batchOutput.getSourceInputCount() != 1) {
            throw invalid("batch output kind '" + batchOutput.getKind() + "' expects 1 source input, got "
                    + batchOutput.getSourceInputCount());
        }
    }

    private void checkSources(List<String> sources, Set<String> inputs) {
        for (String source : sources) {
            if (!inputs.contains(source)) {
                throw invalid("unknown source input name '" + source + "'");
            }
        }
    }

    private InferenceException invalid(String message) {
        return InferenceException.invalid(message + " for " + config.getName());
    }
}
