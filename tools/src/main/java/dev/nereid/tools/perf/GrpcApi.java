package dev.nereid.tools.perf;

import com.google.protobuf.MessageLite;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelInput;
import dev.nereid.server.grpc.proto.ModelConfigRequest;
import dev.nereid.server.grpc.proto.ModelMetadataRequest;
import dev.nereid.server.grpc.proto.ModelMetadataResponse;
import dev.nereid.server.grpc.proto.ModelStatistics;
import dev.nereid.server.grpc.proto.ModelStatisticsRequest;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Asks the server about a model over gRPC. */
final class GrpcApi implements ServerApi {
    private static final long LIMIT_SECONDS = 30;

    private final Target target;
    private final String model;
    private final String version;
    private final ManagedChannel channel;

    GrpcApi(Target target, String model, String version) {
        this.target = target;
        this.model = model;
        this.version = version;
        this.channel = GrpcServer.connect(target);
    }

    @Override
    public ModelDescription describe() {
        ModelMetadataResponse metadata = ask(GrpcServer.METADATA,
                ModelMetadataRequest.newBuilder().setName(model).setVersion(version).build());
        ModelConfig config = ask(GrpcServer.CONFIG,
                ModelConfigRequest.newBuilder().setName(model).setVersion(version).build()).getConfig();
        List<String> optional = config.getInputList().stream().filter(ModelInput::getOptional)
                .map(ModelInput::getName).toList();
        List<TensorDescription> inputs = new ArrayList<>();
        for (ModelMetadataResponse.TensorMetadata input : metadata.getInputsList()) {
            inputs.add(ModelDescription.input(model, input.getName(), input.getDatatype(), input.getShapeList(),
                    config.getMaxBatchSize() > 0, optional.contains(input.getName())));
        }
        return new ModelDescription(metadata.getName(), config.getMaxBatchSize(), inputs,
                config.getModelTransactionPolicy().getDecoupled(), config.hasSequenceBatching());
    }

    @Override
    public Optional<ServerTimes> statistics() {
        try {
            ServerTimes sum = ServerTimes.ZERO;
            for (ModelStatistics each : call(GrpcServer.STATISTICS,
                    ModelStatisticsRequest.newBuilder().setName(model).setVersion(version).build())
                    .getModelStatsList()) {
                sum = sum.plus(new ServerTimes(each.getInferenceStats().getSuccess().getCount(),
                        each.getExecutionCount(), each.getInferenceCount(), each.getInferenceStats().getQueue().getNs(),
                        each.getInferenceStats().getComputeInput().getNs(),
                        each.getInferenceStats().getComputeInfer().getNs(),
                        each.getInferenceStats().getComputeOutput().getNs()));
            }
            return Optional.of(sum);
        } catch (StatusRuntimeException e) {
            return Optional.empty();
        }
    }

    private <A extends MessageLite, B extends MessageLite> B ask(MethodDescriptor<A, B> method, A request) {
        try {
            return call(method, request);
        } catch (StatusRuntimeException e) {
            String text = target + " answered " + GrpcServer.text(e.getStatus());
            throw new PerfException(switch (e.getStatus().getCode()) {
                case UNAVAILABLE, DEADLINE_EXCEEDED, INTERNAL, UNKNOWN ->
                    text + "; is the server running, and is -u its gRPC port?";
                default -> text;
            }, e);
        }
    }

    private <A, B> B call(MethodDescriptor<A, B> method, A request) {
        return ClientCalls.blockingUnaryCall(channel, method,
                CallOptions.DEFAULT.withDeadlineAfter(LIMIT_SECONDS, TimeUnit.SECONDS), request);
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }
}
