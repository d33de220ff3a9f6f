package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.DataType;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What an engine says about itself.
 *
 * @param tensors its inputs and outputs, in its order
 * @param profiles its optimisation profiles; there is at least one
 * @param streamableWeights the bytes of weights that can be streamed
 */
record EngineLayout(List<IoTensor> tensors, List<Profile> profiles, long streamableWeights) {
    EngineLayout {
        tensors = List.copyOf(tensors);
        profiles = List.copyOf(profiles);
    }

    /**
     * An input or output.
     *
     * @param name its name
     * @param isInput whether it is an input
     * @param dataType its element type; empty where the protocol has none like it
     * @param typeName what TensorRT calls the type
     * @param dims its shape, with -1 where a profile decides
     * @param isShape whether its values decide shapes
     * @param isHost whether it lies in the host's memory
     * @param format how it lies in memory
     */
    record IoTensor(String name, boolean isInput, Optional<DataType> dataType, String typeName, Dims dims,
            boolean isShape, boolean isHost, Format format) {
        /** A tensor in memory of the GPU, row by row. */
        IoTensor(String name, boolean isInput, DataType dataType, Dims dims) {
            this(name, isInput, Optional.of(dataType), dataType.name(), dims, false, false, Format.LINEAR);
        }

        /**
         * Returns the shape as the engine counts it of a tensor that came in the shape of its memory: there the
         * dimension whose values lie together is padded.
         */
        Dims unpadded(Dims sent) {
            if (format.vectorDimension() < 0 || sent.rank() != dims.rank()) {
                return sent;
            }
            long[] counted = sent.toArray();
            counted[format.vectorDimension()] = dims.get(format.vectorDimension());
            return Dims.of(counted);
        }
    }

    /**
     * How a tensor lies in memory.
     *
     * @param name what TensorRT calls it
     * @param vectorDimension the dimension whose values lie together; -1 for none
     * @param vectorLength how many of them; the dimension is padded to a multiple
     */
    record Format(String name, int vectorDimension, int vectorLength) {
        /** Row by row. */
        static final Format LINEAR = new Format("LINEAR", -1, 1);

        boolean isLinear() {
            return name.equals(LINEAR.name);
        }

        /** Returns whether rows, too, may be padded, as those of deep-learning accelerators are. */
        boolean mayPadRows() {
            return name.startsWith("DLA_");
        }

        /** Returns the bytes of a tensor of that shape. */
        long byteSize(long[] dims, DataType dataType) {
            long elements = 1;
            for (int i = 0; i < dims.length; i++) {
                long size = i == vectorDimension
                        ? Math.ceilDiv(dims[i], (long) vectorLength) * vectorLength
                        : dims[i];
                elements = Math.multiplyExact(elements, size);
            }
            return Math.multiplyExact(elements, dataType.byteSize());
        }
    }

    /**
     * An optimisation profile.
     *
     * @param shapes the shapes it allows, by input
     * @param values the values it allows, by input that decides shapes
     */
    record Profile(Map<String, Range> shapes, Map<String, Range> values) {
        Profile {
            shapes = Map.copyOf(shapes);
            values = Map.copyOf(values);
        }
    }

    /**
     * Smallest, best and largest.
     *
     * @param min the smallest
     * @param opt what it is optimised for
     * @param max the largest
     */
    record Range(Dims min, Dims opt, Dims max) {
    }

    List<IoTensor> inputs() {
        return tensors.stream().filter(IoTensor::isInput).toList();
    }

    List<IoTensor> outputs() {
        return tensors.stream().filter(tensor -> !tensor.isInput()).toList();
    }

    Optional<IoTensor> tensor(String name) {
        return tensors.stream().filter(tensor -> tensor.name().equals(name)).findFirst();
    }
}
