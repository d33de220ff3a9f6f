package dev.nereid.benchmark;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** The requests that the benchmark measures. Each has a model of its own, of the same name. */
enum BenchCase {
    /** The smallest request there is. */
    IDENTITY_BINARY("FP32[16], binary", Kind.SMALL, Form.BINARY, "16"),
    /** The same as JSON. */
    IDENTITY_JSON("FP32[16], JSON", Kind.SMALL, Form.JSON, "16"),
    /** The same through the dynamic batcher. */
    IDENTITY_BATCHED("FP32[16], binary, dynamic batcher", Kind.SMALL_BATCHED, Form.BINARY, "16"),
    /** The smallest request over gRPC. */
    IDENTITY_GRPC("FP32[16], gRPC", Kind.SMALL, Form.GRPC, "16"),
    /** The same through an ensemble of five steps, each of which is that model. */
    ENSEMBLE_BINARY("FP32[16], binary, ensemble of 5 steps", Kind.ENSEMBLE, Form.BINARY, "16"),
    /** An image of 0.6 MB. */
    IMAGE_BINARY("FP32[1x3x224x224], binary", Kind.IMAGE, Form.BINARY, "3, 224, 224"),
    /** The same as JSON. */
    IMAGE_JSON("FP32[1x3x224x224], JSON", Kind.IMAGE, Form.JSON, "3, 224, 224"),
    /** 16 MB, which the bare handler returns, too. */
    LARGE_BINARY("FP32 of 16 MB, binary", Kind.LARGE, Form.BINARY, "4, 1024, 1024"),
    /** 16 MB over gRPC. */
    LARGE_GRPC("FP32 of 16 MB, gRPC", Kind.LARGE, Form.GRPC, "4, 1024, 1024"),
    /** A model whose execution takes some ten microseconds. */
    MLP("MLP 128-512-512-64", Kind.MLP, Form.BINARY, "128"),
    /** The same with dynamic batching. */
    MLP_BATCHED("MLP 128-512-512-64, dynamic batcher", Kind.MLP_BATCHED, Form.BINARY, "128"),
    /** A model that computes for long. */
    RESNET50("ResNet-50", Kind.RESNET50, Form.BINARY, "3, 224, 224"),
    /** The same with large outputs. */
    UNET("UNet 3x360x640", Kind.UNET, Form.BINARY, "3, 360, 640");

    /** What answers. */
    enum Kind {
        SMALL, SMALL_BATCHED, ENSEMBLE, IMAGE, LARGE, MLP, MLP_BATCHED, RESNET50, UNET
    }

    /** How requests are sent. */
    enum Form {
        BINARY, JSON, GRPC
    }

    private static final int STEPS = 5;

    private final String title;
    private final Kind kind;
    private final Form form;
    private final String dims;

    BenchCase(String title, Kind kind, Form form, String dims) {
        this.title = title;
        this.kind = kind;
        this.form = form;
        this.dims = dims;
    }

    /** Returns its name on the command line and in files; the model's name, too. */
    String id() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    String title() {
        return title;
    }

    Kind kind() {
        return kind;
    }

    boolean isJson() {
        return form == Form.JSON;
    }

    /** Returns whether requests go over gRPC, whose yardstick returns all bodies. */
    boolean isGrpc() {
        return form == Form.GRPC;
    }

    /** Returns the sizes of its input, the batch of one included. */
    long[] shape() {
        return Stream.concat(Stream.of("1"), Stream.of(dims.split(", ", -1))).mapToLong(Long::parseLong).toArray();
    }

    /** Returns whether the handler returns the body instead of a constant. */
    boolean isEcho() {
        return kind == Kind.LARGE;
    }

    /** Returns whether the model's execution is all that takes time. */
    boolean isHeavy() {
        return kind == Kind.RESNET50 || kind == Kind.UNET;
    }

    /** Returns which sample model it executes; none for those of the identity backend. */
    Optional<String> sampleModel() {
        return switch (kind) {
            case SMALL, SMALL_BATCHED, ENSEMBLE, IMAGE, LARGE -> Optional.empty();
            case MLP, MLP_BATCHED -> Optional.of("mlp");
            case RESNET50 -> Optional.of("resnet50");
            case UNET -> Optional.of("unet");
        };
    }

    /** Returns the case whose model all steps of an ensemble are; none for what is no ensemble. */
    Optional<BenchCase> step() {
        return kind == Kind.ENSEMBLE ? Optional.of(IDENTITY_BINARY) : Optional.empty();
    }

    /** Returns the name of the input. */
    String inputName() {
        return sampleModel().isPresent() ? "INPUT__0" : "INPUT0";
    }

    /** Returns the text of {@code config.pbtxt}. */
    String config() {
        String input = "[" + dims + "]";
        String output = switch (kind) {
            case SMALL, SMALL_BATCHED, ENSEMBLE, IMAGE, LARGE, UNET -> input;
            case MLP, MLP_BATCHED -> "[64]";
            case RESNET50 -> "[1000]";
        };
        boolean isBatched = kind == Kind.SMALL_BATCHED || kind == Kind.MLP_BATCHED;
        return """
                %s
                max_batch_size: %d
                input [ { name: "%s"  data_type: TYPE_FP32  dims: %s } ]
                output [ { name: "%s"  data_type: TYPE_FP32  dims: %s } ]
                %s""".formatted(
                backend(),
                isHeavy() || kind == Kind.LARGE ? 1 : 64, inputName(), input, inputName().replace("IN", "OUT"), output,
                isBatched ? "dynamic_batching { }\n" : step().map(BenchCase::steps).orElse(""));
    }

    private String backend() {
        if (step().isPresent()) {
            return "platform: \"ensemble\"";
        }
        return sampleModel().isPresent() ? "platform: \"pytorch_libtorch\"" : "backend: \"identity\"";
    }

    /** Returns the steps of an ensemble that calls a model again and again. */
    private static String steps(BenchCase step) {
        StringBuilder text = new StringBuilder("ensemble_scheduling {\n");
        for (int i = 1; i <= STEPS; i++) {
            text.append("  step { model_name: \"").append(step.id())
                    .append("\"  model_version: -1\n    input_map { key: \"")
                    .append("INPUT0\"  value: \"").append(i == 1 ? "INPUT0" : "tensor" + (i - 1))
                    .append("\" }\n    output_map { key: \"OUTPUT0\"  value: \"")
                    .append(i == STEPS ? "OUTPUT0" : "tensor" + i).append("\" } }\n");
        }
        return text.append("}\n").toString();
    }

    /** Returns which of these numbers of connections make sense: what computes for long gains nothing by many. */
    List<Integer> sensible(List<Integer> connections) {
        int most = isHeavy() ? 4 : kind == Kind.LARGE ? 16 : Integer.MAX_VALUE;
        return connections.stream().filter(count -> count <= most).toList();
    }

    /** Returns the case of that name, or all whose names begin with it; none where there is no such case. */
    static List<BenchCase> find(String name) {
        List<BenchCase> found = new ArrayList<>();
        for (BenchCase each : values()) {
            if (each.id().equals(name)) {
                return List.of(each);
            }
            if (each.id().startsWith(name + "-")) {
                found.add(each);
            }
        }
        return found;
    }
}
