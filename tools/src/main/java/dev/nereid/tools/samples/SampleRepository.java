package dev.nereid.tools.samples;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashSet;
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
        /** Makes the tensor of an image out of its file, through the example backend. */
        IMAGE_TENSOR("""
                backend: "image-preprocess"
                input [ { name: "IMAGE"  data_type: TYPE_STRING  dims: [ 1 ] } ]
                output [ { name: "TENSOR"  data_type: TYPE_FP32  dims: [ 3, 32, 32 ] } ]
                """, true),
        /** A classifier of images, with libtorch: which colour an image has. */
        COLOR_CLASSIFIER("""
                platform: "pytorch_libtorch"
                max_batch_size: 8
                input [ { name: "INPUT__0"  data_type: TYPE_FP32  dims: [ 3, 32, 32 ] } ]
                output [ { name: "OUTPUT__0"  data_type: TYPE_FP32  dims: [ 8 ] } ]
                dynamic_batching { }
                """, true) {
            @Override
            void writeModel(Path version) {
                SampleModels.colorClassifier(version.resolve(TORCH_FILE));
            }
        },
        /** Names of the three best of the classifier's classes, with libtorch. */
        TOP_LABELS("""
                platform: "pytorch_libtorch"
                input [ { name: "SCORES__0"  data_type: TYPE_FP32  dims: [ 8 ] } ]
                output [
                  { name: "LABEL__0"  data_type: TYPE_STRING  dims: [ 3 ] },
                  { name: "SCORE__1"  data_type: TYPE_FP32  dims: [ 3 ] }
                ]
                """, true) {
            @Override
            void writeModel(Path version) {
                SampleModels.labelsOfTopThree(version.resolve(TORCH_FILE));
            }
        },
        /** An ensemble of these three: the file of an image in, labels out. */
        IMAGE_LABELS("""
                platform: "ensemble"
                input [ { name: "IMAGE"  data_type: TYPE_STRING  dims: [ 1 ] } ]
                output [
                  { name: "LABEL"  data_type: TYPE_STRING  dims: [ 3 ] },
                  { name: "SCORE"  data_type: TYPE_FP32  dims: [ 3 ] }
                ]
                ensemble_scheduling {
                  step [
                    {
                      model_name: "image_tensor"  model_version: -1
                      input_map { key: "IMAGE"  value: "IMAGE" }
                      output_map { key: "TENSOR"  value: "pixels" }
                    },
                    {
                      model_name: "color_classifier"  model_version: -1
                      input_map { key: "INPUT__0"  value: "pixels" }
                      output_map { key: "OUTPUT__0"  value: "scores" }
                    },
                    {
                      model_name: "top_labels"  model_version: -1
                      input_map { key: "SCORES__0"  value: "scores" }
                      output_map { key: "LABEL__0"  value: "LABEL" }
                      output_map { key: "SCORE__1"  value: "SCORE" }
                    }
                  ]
                }
                """, true) {
            @Override
            Set<Model> members() {
                return EnumSet.of(IMAGE_TENSOR, COLOR_CLASSIFIER, TOP_LABELS);
            }
        },
        /** Answers with each of its numbers after a while, through the example backend of that name. */
        REPEAT("""
                backend: "repeat"
                max_batch_size: 0
                input [
                  { name: "IN"  data_type: TYPE_INT32  dims: [ -1 ] },
                  { name: "DELAY"  data_type: TYPE_UINT32  dims: [ -1 ] },
                  { name: "WAIT"  data_type: TYPE_UINT32  dims: [ 1 ] }
                ]
                output [
                  { name: "OUT"  data_type: TYPE_INT32  dims: [ 1 ] },
                  { name: "IDX"  data_type: TYPE_UINT32  dims: [ 1 ] }
                ]
                """, false),
        /** Rates what may follow the last of some tokens. */
        BIGRAM("""
                platform: "pytorch_libtorch"
                max_batch_size: 0
                input [ { name: "INPUT0"  data_type: TYPE_INT64  dims: [ -1 ] } ]
                output [ { name: "OUTPUT0"  data_type: TYPE_FP32  dims: [ 1000 ] } ]
                """, false) {
            @Override
            void writeModel(Path version) {
                SampleModels.bigram(version.resolve(TORCH_FILE));
            }
        },
        /** Continues tokens as the model above rates them, through the example backend of that name. */
        NEXT_TOKEN("""
                backend: "next-token"
                max_batch_size: 0
                input [ { name: "TOKENS"  data_type: TYPE_INT64  dims: [ -1 ] } ]
                output [ { name: "TOKEN"  data_type: TYPE_INT64  dims: [ 1 ] } ]
                parameters [
                  { key: "call_model"  value { string_value: "bigram" } },
                  { key: "max_tokens"  value { string_value: "20" } }
                ]
                """, false),
        /** Adds up what a sequence sends; the server keeps the sum. */
        ACCUMULATOR(accumulator("pytorch_libtorch", "VALUE__0", "READY__1", "STATE__2", "SUM__0", "STATE_OUT__1"),
                true) {
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

        /** Returns the models that an ensemble consists of. */
        Set<Model> members() {
            return Set.of();
        }

        /** Writes the model's file into a version's directory. Those of the backends written in Java, and ensembles, have none. */
        void writeModel(Path version) throws IOException {
        }
    }

    /** Returns the models that are written unless others are chosen: all but the large ones and those for examples. */
    public static Set<Model> defaults() {
        return Arrays.stream(Model.values()).filter(model -> model.isDefault)
                .collect(Collectors.toCollection(() -> EnumSet.noneOf(Model.class)));
    }

    /** Returns those models, after the ones that they consist of. */
    static Set<Model> withMembers(Set<Model> models) {
        Set<Model> all = new LinkedHashSet<>();
        for (Model model : models) {
            all.addAll(model.members());
            all.add(model);
        }
        return all;
    }

    /** Writes the default models into that directory. */
    public static void write(Path directory) throws IOException {
        write(directory, defaults());
    }

    /** Writes those models, and what they consist of, into that directory; replaces files that are there. */
    public static void write(Path directory, Set<Model> models) throws IOException {
        for (Model model : withMembers(models)) {
            Path version = directory.resolve(model.modelName()).resolve("1");
            Files.createDirectories(version);
            model.writeModel(version);
            // Last, so that a server that polls never sees a configuration without its model.
            Files.writeString(directory.resolve(model.modelName()).resolve("config.pbtxt"), model.config());
        }
    }
}
