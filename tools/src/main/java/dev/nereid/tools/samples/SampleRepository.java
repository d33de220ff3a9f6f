package dev.nereid.tools.samples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Writes a model repository of sample models: for each a directory with {@code config.pbtxt} and a version. */
public final class SampleRepository {
    private static final int UNET_WIDTH = 8;
    private static final String TORCH_FILE = "model.pt";
    private static final String ONNX_FILE = "model.onnx";

    private SampleRepository() {
    }

    /** The models that a sample repository may hold. */
    public enum Model {
        /** A UNet for images of 360 by 640. */
        UNET("""
                platform: "pytorch_libtorch"
                max_batch_size: 1
                input [ { name: "INPUT__0"  data_type: TYPE_FP32  dims: [ 3, 360, 640 ] } ]
                output [ { name: "OUTPUT__0"  data_type: TYPE_FP32  dims: [ 3, 360, 640 ] } ]
                """, true) {
            @Override
            void writeModel(Path version) {
                SampleModels.unet(version.resolve(TORCH_FILE), UNET_WIDTH);
            }
        },
        /** Sum and difference of two tensors. */
        ADD_SUB("""
                platform: "pytorch_libtorch"
                max_batch_size: 8
                input [
                  { name: "INPUT0"  data_type: TYPE_FP32  dims: [ 16 ] },
                  { name: "INPUT1"  data_type: TYPE_FP32  dims: [ 16 ] }
                ]
                output [
                  { name: "OUTPUT0"  data_type: TYPE_FP32  dims: [ 16 ] },
                  { name: "OUTPUT1"  data_type: TYPE_FP32  dims: [ 16 ] }
                ]
                dynamic_batching { }
                """, true) {
            @Override
            void writeModel(Path version) {
                SampleModels.addSub(version.resolve(TORCH_FILE));
            }
        },
        /** A small multilayer perceptron. */
        MLP("""
                platform: "pytorch_libtorch"
                max_batch_size: 64
                input [ { name: "INPUT__0"  data_type: TYPE_FP32  dims: [ 128 ] } ]
                output [ { name: "OUTPUT__0"  data_type: TYPE_FP32  dims: [ 64 ] } ]
                dynamic_batching { }
                """, true) {
            @Override
            void writeModel(Path version) {
                SampleModels.mlp(version.resolve(TORCH_FILE));
            }
        },
        /** A classifier with ONNX Runtime; what its configuration leaves out is taken from the model. */
        CLASSIFIER_ONNX("""
                platform: "onnxruntime_onnx"
                """, true) {
            @Override
            void writeModel(Path version) throws IOException {
                OnnxSamples.classifier(version.resolve(ONNX_FILE));
            }
        },
        /** Answers what it is asked, through libtorch. */
        IDENTITY_TORCH("""
                platform: "pytorch_libtorch"
                max_batch_size: 64
                input [ { name: "INPUT0"  data_type: TYPE_FP32  dims: [ -1 ] } ]
                output [ { name: "OUTPUT0"  data_type: TYPE_FP32  dims: [ -1 ] } ]
                """, true) {
            @Override
            void writeModel(Path version) {
                SampleModels.identity(version.resolve(TORCH_FILE));
            }
        },
        /** Answers what it is asked, through the identity backend. */
        IDENTITY_FP32(identity("TYPE_FP32"), true),
        /** Answers the texts it is asked, through the identity backend. */
        IDENTITY_BYTES(identity("TYPE_STRING"), true),
        /** Answers a number n with n responses, through the example backend of that name. */
        SQUARE("""
                backend: "square"
                max_batch_size: 0
                input [ { name: "IN"  data_type: TYPE_INT32  dims: [ 1 ] } ]
                output [ { name: "OUT"  data_type: TYPE_INT32  dims: [ 1 ] } ]
                """, true),
        /** Adds up what a sequence sends; the server keeps the sum. */
        ACCUMULATOR(accumulator("pytorch_libtorch", "VALUE__0", "READY__1", "STATE__2", "SUM__0", "STATE_OUT__1"), true) {
            @Override
            void writeModel(Path version) {
                SequenceSamples.accumulator(version.resolve(TORCH_FILE));
            }
        },
        /** The same with ONNX Runtime. */
        ACCUMULATOR_ONNX(accumulator("onnxruntime_onnx", "VALUE", "READY", "STATE", "SUM", "STATE_OUT"), true) {
            @Override
            void writeModel(Path version) throws IOException {
                SequenceSamples.accumulatorOnnx(version.resolve(ONNX_FILE));
            }
        },
        /** A recurrent network that takes any number of steps in each request of a sequence. */
        GRU("""
                platform: "pytorch_libtorch"
                max_batch_size: 16
                input [ { name: "STEPS__0"  data_type: TYPE_FP32  dims: [ -1, 16 ] } ]
                output [ { name: "HIDDEN__0"  data_type: TYPE_FP32  dims: [ -1, 32 ] } ]
                sequence_batching {
                  max_sequence_idle_microseconds: 60000000
                  oldest { max_candidate_sequences: 64 }
                  state [
                    { input_name: "STATE__1"  output_name: "STATE_OUT__1"  data_type: TYPE_FP32  dims: [ 32 ]
                      initial_state { name: "zero"  data_type: TYPE_FP32  dims: [ 32 ]  zero_data: true } }
                  ]
                }
                """, true) {
            @Override
            void writeModel(Path version) {
                SequenceSamples.gru(version.resolve(TORCH_FILE));
            }
        },
        /** A recurrent network with ONNX Runtime, one step in each request of a sequence. */
        GRU_ONNX("""
                platform: "onnxruntime_onnx"
                max_batch_size: 16
                input [ { name: "STEP"  data_type: TYPE_FP32  dims: [ 16 ] } ]
                output [ { name: "HIDDEN"  data_type: TYPE_FP32  dims: [ 32 ] } ]
                sequence_batching {
                  max_sequence_idle_microseconds: 60000000
                  oldest { max_candidate_sequences: 64 }
                  state [
                    { input_name: "STATE"  output_name: "STATE_OUT"  data_type: TYPE_FP32  dims: [ 32 ]
                      initial_state { name: "zero"  data_type: TYPE_FP32  dims: [ 32 ]  zero_data: true } }
                  ]
                }
                """, true) {
            @Override
            void writeModel(Path version) throws IOException {
                SequenceSamples.gruOnnx(version.resolve(ONNX_FILE));
            }
        },
        /** ResNet-50, for benchmarks. */
        RESNET50("""
                platform: "pytorch_libtorch"
                max_batch_size: 8
                input [ { name: "INPUT__0"  data_type: TYPE_FP32  dims: [ 3, 224, 224 ] } ]
                output [ { name: "OUTPUT__0"  data_type: TYPE_FP32  dims: [ 1000 ] } ]
                """, false) {
            @Override
            void writeModel(Path version) {
                SampleModels.resNet50(version.resolve(TORCH_FILE));
            }
        },
        /** A transformer encoder, for benchmarks. */
        TRANSFORMER("""
                platform: "pytorch_libtorch"
                max_batch_size: 8
                input [ { name: "tokens"  data_type: TYPE_INT64  dims: [ 128 ] } ]
                output [ { name: "OUTPUT__0"  data_type: TYPE_FP32  dims: [ 128, 384 ] } ]
                """, false) {
            @Override
            void writeModel(Path version) {
                SampleModels.transformer(version.resolve(TORCH_FILE));
            }
        };

        private final String config;
        private final boolean isDefault;

        Model(String config, boolean isDefault) {
            this.config = config;
            this.isDefault = isDefault;
        }

        private static String identity(String dataType) {
            return """
                    backend: "identity"
                    max_batch_size: 64
                    input [ { name: "INPUT0"  data_type: %s  dims: [ -1 ] } ]
                    output [ { name: "OUTPUT0"  data_type: %s  dims: [ -1 ] } ]
                    """.formatted(dataType, dataType);
        }

        private static String accumulator(String platform, String input, String ready, String state, String output,
                String stateOutput) {
            return """
                    platform: "%s"
                    max_batch_size: 8
                    input [ { name: "%s"  data_type: TYPE_FP32  dims: [ 1 ] } ]
                    output [ { name: "%s"  data_type: TYPE_FP32  dims: [ 1 ] } ]
                    sequence_batching {
                      max_sequence_idle_microseconds: 60000000
                      direct { }
                      control_input [
                        { name: "%s"  control [ { kind: CONTROL_SEQUENCE_READY  fp32_false_true: [ 0, 1 ] } ] }
                      ]
                      state [
                        { input_name: "%s"  output_name: "%s"  data_type: TYPE_FP32  dims: [ 1 ]
                          initial_state { name: "zero"  data_type: TYPE_FP32  dims: [ 1 ]  zero_data: true } }
                      ]
                    }
                    """.formatted(platform, input, output, ready, state, stateOutput);
        }

        /** Returns the model's name, which is that of its directory. */
        public String modelName() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** Returns the text of its {@code config.pbtxt}. */
        public String config() {
            return config;
        }

        /** Returns the model of that name. */
        public static Optional<Model> parse(String name) {
            return Arrays.stream(values()).filter(model -> model.modelName().equals(name)).findFirst();
        }

        /** Writes the model's file into a version's directory. Models of the identity and square backends have none. */
        void writeModel(Path version) throws IOException {
        }
    }

    /** Returns the models that are written unless others are chosen: all but the large ones. */
    public static Set<Model> defaults() {
        return Arrays.stream(Model.values()).filter(model -> model.isDefault)
                .collect(Collectors.toCollection(() -> EnumSet.noneOf(Model.class)));
    }

    /** Writes the default models into that directory. */
    public static void write(Path directory) throws IOException {
        write(directory, defaults());
    }

    /** Writes those models into that directory; replaces files that are there. */
    public static void write(Path directory, Set<Model> models) throws IOException {
        for (Model model : List.copyOf(models)) {
            Path version = directory.resolve(model.modelName()).resolve("1");
            Files.createDirectories(version);
            model.writeModel(version);
            // Last, so that a server that polls never sees a configuration without its model.
            Files.writeString(directory.resolve(model.modelName()).resolve("config.pbtxt"), model.config());
        }
    }
}
