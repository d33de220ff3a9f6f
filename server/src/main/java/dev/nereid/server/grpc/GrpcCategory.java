package dev.nereid.server.grpc;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** Kinds of methods, as {@code --grpc-restricted-protocol} names them. */
public enum GrpcCategory {
    /** Liveness and readiness. */
    HEALTH("health", "ServerLive", "ServerReady", "ModelReady"),
    /** Server and model metadata. */
    METADATA("metadata", "ServerMetadata", "ModelMetadata"),
    /** Inference. */
    INFERENCE("inference", "ModelInfer", "ModelStreamInfer"),
    /** Shared memory regions. */
    SHARED_MEMORY("shared-memory", "SystemSharedMemoryStatus", "SystemSharedMemoryRegister",
            "SystemSharedMemoryUnregister", "CudaSharedMemoryStatus", "CudaSharedMemoryRegister",
            "CudaSharedMemoryUnregister"),
    /** Model configuration. */
    MODEL_CONFIG("model-config", "ModelConfig"),
    /** Repository index, load and unload. */
    MODEL_REPOSITORY("model-repository", "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"),
    /** Statistics. */
    STATISTICS("statistics", "ModelStatistics"),
    /** Trace settings. */
    TRACE("trace", "TraceSetting"),
    /** Log settings. */
    LOGGING("logging", "LogSettings");

    private final String flagName;
    private final List<String> methods;

    GrpcCategory(String flagName, String... methods) {
        this.flagName = flagName;
        this.methods = Arrays.stream(methods).map(method -> Methods.SERVICE + "/" + method).toList();
    }

    /** Returns all names on the command line. */
    public static List<String> names() {
        return Arrays.stream(values()).map(category -> category.flagName).toList();
    }

    /** Returns the methods of the category of that name. */
    static List<String> methods(String flagName) {
        return Arrays.stream(values()).filter(category -> category.flagName.equals(flagName))
                .flatMap(category -> category == HEALTH
                        ? Stream.concat(category.methods.stream(), HealthService.METHODS.stream())
                        : category.methods.stream())
                .toList();
    }
}
