package dev.nereid.server.grpc;

import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.server.grpc.proto.InferBatchStatistics;
import dev.nereid.server.grpc.proto.InferResponseStatistics;
import dev.nereid.server.grpc.proto.InferStatistics;
import dev.nereid.server.grpc.proto.ModelStatistics;
import dev.nereid.server.grpc.proto.StatisticDuration;
import dev.nereid.server.v2.VersionStatistics;
import dev.nereid.server.v2.VersionStatistics.Counter;

/** Puts statistics into messages. */
final class StatisticsMessages {
    private StatisticsMessages() {
    }

    /** Returns the statistics of a model version. */
    static ModelStatistics of(VersionStatistics version) {
        VersionStatistics.Requests requests = version.requests();
        ModelStatistics.Builder statistics = ModelStatistics.newBuilder().setName(version.model())
                .setVersion(version.version()).setLastInference(version.lastInferenceMillis())
                .setInferenceCount(version.inferenceCount()).setExecutionCount(version.executionCount())
                .setInferenceStats(InferStatistics.newBuilder().setSuccess(duration(requests.success()))
                        .setFail(duration(requests.fail())).setQueue(duration(requests.queue()))
                        .setComputeInput(duration(requests.computeInput()))
                        .setComputeInfer(duration(requests.computeInfer()))
                        .setComputeOutput(duration(requests.computeOutput()))
                        .setCacheHit(duration(requests.cacheHit())).setCacheMiss(duration(requests.cacheMiss())));
        version.batches()
                .forEach(batch -> statistics.addBatchStats(InferBatchStatistics.newBuilder().setBatchSize(batch.size())
                        .setComputeInput(duration(batch.computeInput()))
                        .setComputeInfer(duration(batch.computeInfer()))
                        .setComputeOutput(duration(batch.computeOutput()))));
        version.responses().forEach(
                responses -> statistics.putResponseStats(Integer.toString(responses.index()), responses(responses)));
        version.memory().forEach(memory -> statistics.addMemoryUsage(memory(memory)));
        return statistics.build();
    }

    private static InferResponseStatistics responses(VersionStatistics.Responses responses) {
        return InferResponseStatistics.newBuilder().setComputeInfer(duration(responses.computeInfer()))
                .setComputeOutput(duration(responses.computeOutput())).setSuccess(duration(responses.success()))
                .setFail(duration(responses.fail())).setEmptyResponse(duration(responses.emptyResponse()))
                .setCancel(duration(responses.cancel())).build();
    }

    private static StatisticDuration duration(Counter counter) {
        return StatisticDuration.newBuilder().setCount(counter.count()).setNs(counter.nanos()).build();
    }

    private static dev.nereid.server.grpc.proto.MemoryUsage memory(MemoryUsage memory) {
        Placement placement = memory.placement();
        return dev.nereid.server.grpc.proto.MemoryUsage.newBuilder().setType(placement.kind().name())
                .setId(placement.deviceId()).setByteSize(memory.byteSize()).build();
    }
}
