package dev.nereid.server.grpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.model.IndexEntry;
import dev.nereid.server.grpc.proto.CudaSharedMemoryRegisterRequest;
import dev.nereid.server.grpc.proto.CudaSharedMemoryRegisterResponse;
import dev.nereid.server.grpc.proto.CudaSharedMemoryStatusRequest;
import dev.nereid.server.grpc.proto.CudaSharedMemoryStatusResponse;
import dev.nereid.server.grpc.proto.CudaSharedMemoryUnregisterRequest;
import dev.nereid.server.grpc.proto.CudaSharedMemoryUnregisterResponse;
import dev.nereid.server.grpc.proto.LogSettingsRequest;
import dev.nereid.server.grpc.proto.LogSettingsResponse;
import dev.nereid.server.grpc.proto.ModelConfigRequest;
import dev.nereid.server.grpc.proto.ModelConfigResponse;
import dev.nereid.server.grpc.proto.ModelMetadataRequest;
import dev.nereid.server.grpc.proto.ModelMetadataResponse;
import dev.nereid.server.grpc.proto.ModelReadyRequest;
import dev.nereid.server.grpc.proto.ModelReadyResponse;
import dev.nereid.server.grpc.proto.ModelRepositoryParameter;
import dev.nereid.server.grpc.proto.ModelRepositoryParameter.ParameterChoiceCase;
import dev.nereid.server.grpc.proto.ModelStatisticsRequest;
import dev.nereid.server.grpc.proto.ModelStatisticsResponse;
import dev.nereid.server.grpc.proto.RepositoryIndexRequest;
import dev.nereid.server.grpc.proto.RepositoryIndexResponse;
import dev.nereid.server.grpc.proto.RepositoryModelLoadRequest;
import dev.nereid.server.grpc.proto.RepositoryModelLoadResponse;
import dev.nereid.server.grpc.proto.RepositoryModelUnloadRequest;
import dev.nereid.server.grpc.proto.RepositoryModelUnloadResponse;
import dev.nereid.server.grpc.proto.ServerLiveRequest;
import dev.nereid.server.grpc.proto.ServerLiveResponse;
import dev.nereid.server.grpc.proto.ServerMetadataRequest;
import dev.nereid.server.grpc.proto.ServerMetadataResponse;
import dev.nereid.server.grpc.proto.ServerReadyRequest;
import dev.nereid.server.grpc.proto.ServerReadyResponse;
import dev.nereid.server.grpc.proto.SystemSharedMemoryRegisterRequest;
import dev.nereid.server.grpc.proto.SystemSharedMemoryRegisterResponse;
import dev.nereid.server.grpc.proto.SystemSharedMemoryStatusRequest;
import dev.nereid.server.grpc.proto.SystemSharedMemoryStatusResponse;
import dev.nereid.server.grpc.proto.SystemSharedMemoryUnregisterRequest;
import dev.nereid.server.grpc.proto.SystemSharedMemoryUnregisterResponse;
import dev.nereid.server.grpc.proto.TraceSettingRequest;
import dev.nereid.server.grpc.proto.TraceSettingResponse;
import dev.nereid.server.v2.Dialect;
import dev.nereid.server.v2.LoadParameters;
import dev.nereid.server.v2.LogChange;
import dev.nereid.server.v2.LogSettings;
import dev.nereid.server.v2.ModelMetadata;
import dev.nereid.server.v2.ModelVersions;
import dev.nereid.server.v2.ServerMetadata;
import dev.nereid.server.v2.V2Service;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCallHandler;
import io.grpc.ServerServiceDefinition;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** The calls of the protocol that are not inference (grpc, 1 and 6). */
final class ControlService {
    private static final String LOG_FILE = "log_file";
    private static final String LOG_INFO = "log_info";
    private static final String LOG_WARNING = "log_warning";
    private static final String LOG_ERROR = "log_error";
    private static final String LOG_VERBOSE_LEVEL = "log_verbose_level";
    private static final String LOG_FORMAT = "log_format";
    private static final String UNLOAD_DEPENDENTS = "unload_dependents";

    private final V2Service service;

    ControlService(V2Service service) {
        this.service = service;
    }

    /**
     * A method and what answers it.
     *
     * @param descriptor the method
     * @param handler what answers it
     */
    record Method<Q extends Message, A extends Message>(MethodDescriptor<Received<Q>, A> descriptor,
            ServerCallHandler<Received<Q>, A> handler) {
        static <Q extends Message, A extends Message> Method<Q, A> of(String name, Q request, A answer,
                Function<Q, A> call) {
            return new Method<>(Methods.unary(name, request, answer), new UnaryHandler<>(call));
        }

        /** Adds it to a service. */
        void addTo(ServerServiceDefinition.Builder service) {
            service.addMethod(descriptor, handler);
        }
    }

    /** Returns all methods. */
    List<Method<?, ?>> methods() {
        List<Method<?, ?>> methods = new ArrayList<>();
        methods.add(Method.of("ServerLive", ServerLiveRequest.getDefaultInstance(),
                ServerLiveResponse.getDefaultInstance(), this::serverLive));
        methods.add(Method.of("ServerReady", ServerReadyRequest.getDefaultInstance(),
                ServerReadyResponse.getDefaultInstance(), this::serverReady));
        methods.add(Method.of("ModelReady", ModelReadyRequest.getDefaultInstance(),
                ModelReadyResponse.getDefaultInstance(), this::modelReady));
        methods.add(Method.of("ServerMetadata", ServerMetadataRequest.getDefaultInstance(),
                ServerMetadataResponse.getDefaultInstance(), this::serverMetadata));
        methods.add(Method.of("ModelMetadata", ModelMetadataRequest.getDefaultInstance(),
                ModelMetadataResponse.getDefaultInstance(), this::modelMetadata));
        methods.add(Method.of("ModelConfig", ModelConfigRequest.getDefaultInstance(),
                ModelConfigResponse.getDefaultInstance(), this::modelConfig));
        methods.add(Method.of("ModelStatistics", ModelStatisticsRequest.getDefaultInstance(),
                ModelStatisticsResponse.getDefaultInstance(), this::modelStatistics));
        methods.add(Method.of("RepositoryIndex", RepositoryIndexRequest.getDefaultInstance(),
                RepositoryIndexResponse.getDefaultInstance(), this::index));
        methods.add(Method.of("RepositoryModelLoad", RepositoryModelLoadRequest.getDefaultInstance(),
                RepositoryModelLoadResponse.getDefaultInstance(), this::load));
        methods.add(Method.of("RepositoryModelUnload", RepositoryModelUnloadRequest.getDefaultInstance(),
                RepositoryModelUnloadResponse.getDefaultInstance(), this::unload));
        methods.add(Method.of("SystemSharedMemoryStatus", SystemSharedMemoryStatusRequest.getDefaultInstance(),
                SystemSharedMemoryStatusResponse.getDefaultInstance(), this::systemMemoryStatus));
        methods.add(Method.of("SystemSharedMemoryRegister", SystemSharedMemoryRegisterRequest.getDefaultInstance(),
                SystemSharedMemoryRegisterResponse.getDefaultInstance(), this::registerSystemMemory));
        methods.add(Method.of("SystemSharedMemoryUnregister", SystemSharedMemoryUnregisterRequest.getDefaultInstance(),
                SystemSharedMemoryUnregisterResponse.getDefaultInstance(), this::unregisterSystemMemory));
        methods.add(Method.of("CudaSharedMemoryStatus", CudaSharedMemoryStatusRequest.getDefaultInstance(),
                CudaSharedMemoryStatusResponse.getDefaultInstance(), this::cudaMemoryStatus));
        methods.add(Method.of("CudaSharedMemoryRegister", CudaSharedMemoryRegisterRequest.getDefaultInstance(),
                CudaSharedMemoryRegisterResponse.getDefaultInstance(), this::registerCudaMemory));
        methods.add(Method.of("CudaSharedMemoryUnregister", CudaSharedMemoryUnregisterRequest.getDefaultInstance(),
                CudaSharedMemoryUnregisterResponse.getDefaultInstance(), this::unregisterCudaMemory));
        methods.add(Method.of("TraceSetting", TraceSettingRequest.getDefaultInstance(),
                TraceSettingResponse.getDefaultInstance(), this::traceSetting));
        methods.add(Method.of("LogSettings", LogSettingsRequest.getDefaultInstance(),
                LogSettingsResponse.getDefaultInstance(), this::logSettings));
        return methods;
    }

    private ServerLiveResponse serverLive(ServerLiveRequest request) {
        return ServerLiveResponse.newBuilder().setLive(service.isLive()).build();
    }

    private ServerReadyResponse serverReady(ServerReadyRequest request) {
        return ServerReadyResponse.newBuilder().setReady(service.isReady()).build();
    }

    private ModelReadyResponse modelReady(ModelReadyRequest request) {
        return ModelReadyResponse.newBuilder()
                .setReady(service.isModelReady(request.getName(), ModelVersions.parse(request.getVersion()))).build();
    }

    private ServerMetadataResponse serverMetadata(ServerMetadataRequest request) {
        ServerMetadata metadata = service.metadata();
        return ServerMetadataResponse.newBuilder().setName(metadata.name()).setVersion(metadata.version())
                .addAllExtensions(metadata.extensions()).build();
    }

    private ModelMetadataResponse modelMetadata(ModelMetadataRequest request) {
        ModelMetadata metadata = service.modelMetadata(request.getName(), ModelVersions.parse(request.getVersion()));
        ModelMetadataResponse.Builder response = ModelMetadataResponse.newBuilder().setName(metadata.name())
                .addAllVersions(metadata.versions()).setPlatform(metadata.platform());
        metadata.inputs().forEach(input -> response.addInputs(tensor(input)));
        metadata.outputs().forEach(output -> response.addOutputs(tensor(output)));
        return response.build();
    }

    private static ModelMetadataResponse.TensorMetadata tensor(ModelMetadata.TensorMetadata tensor) {
        return ModelMetadataResponse.TensorMetadata.newBuilder().setName(tensor.name()).setDatatype(tensor.dataType())
                .addAllShape(tensor.shape()).build();
    }

    private ModelConfigResponse modelConfig(ModelConfigRequest request) {
        return ModelConfigResponse.newBuilder()
                .setConfig(service.modelConfig(request.getName(), ModelVersions.parse(request.getVersion()))).build();
    }

    private ModelStatisticsResponse modelStatistics(ModelStatisticsRequest request) {
        ModelStatisticsResponse.Builder response = ModelStatisticsResponse.newBuilder();
        service.statistics(request.getName(), ModelVersions.parse(request.getVersion()))
                .forEach(version -> response.addModelStats(StatisticsMessages.of(version)));
        return response.build();
    }

    private RepositoryIndexResponse index(RepositoryIndexRequest request) {
        service.checkNoRepository(request.getRepositoryName());
        RepositoryIndexResponse.Builder response = RepositoryIndexResponse.newBuilder();
        for (IndexEntry entry : service.index(request.getReady())) {
            RepositoryIndexResponse.ModelIndex.Builder model = RepositoryIndexResponse.ModelIndex.newBuilder()
                    .setName(entry.name()).setReason(entry.reason());
            entry.version().ifPresent(version -> model.setVersion(Long.toString(version)));
            entry.state().ifPresent(state -> model.setState(state.name()));
            response.addModels(model);
        }
        return response.build();
    }

    private RepositoryModelLoadResponse load(RepositoryModelLoadRequest request) {
        service.checkNoRepository(request.getRepositoryName());
        LoadParameters parameters = new LoadParameters();
        request.getParametersMap().forEach((name, value) -> set(parameters, name, value));
        service.load(request.getModelName(), parameters);
        return RepositoryModelLoadResponse.getDefaultInstance();
    }

    private static void set(LoadParameters parameters, String name, ModelRepositoryParameter value) {
        ParameterChoiceCase kind = value.getParameterChoiceCase();
        if (name.equals(LoadParameters.CONFIG)) {
            if (kind != ParameterChoiceCase.STRING_PARAM) {
                throw InferenceException
                        .invalid("invalid value type for load parameter '" + name + "', expected string_param.");
            }
            parameters.config(value.getStringParam());
        } else if (LoadParameters.isFile(name)) {
            if (kind != ParameterChoiceCase.BYTES_PARAM) {
                throw InferenceException
                        .invalid("invalid value type for load parameter '" + name + "', expected bytes_param.");
            }
            parameters.file(name, bytes(value.getBytesParam()));
        } else {
            throw InferenceException.invalid("unrecognized load parameter '" + name + "'.");
        }
    }

    private static byte[] bytes(ByteString bytes) {
        return bytes.toByteArray();
    }

    private RepositoryModelUnloadResponse unload(RepositoryModelUnloadRequest request) {
        service.checkNoRepository(request.getRepositoryName());
        ModelRepositoryParameter value = request.getParametersMap().get(UNLOAD_DEPENDENTS);
        if (value != null && value.getParameterChoiceCase() != ParameterChoiceCase.BOOL_PARAM) {
            throw InferenceException
                    .invalid("invalid value type for '" + UNLOAD_DEPENDENTS + "' parameter, expected bool_param.");
        }
        service.unload(request.getModelName(), value != null && value.getBoolParam());
        return RepositoryModelUnloadResponse.getDefaultInstance();
    }

    private SystemSharedMemoryStatusResponse systemMemoryStatus(SystemSharedMemoryStatusRequest request) {
        SystemSharedMemoryStatusResponse.Builder response = SystemSharedMemoryStatusResponse.newBuilder();
        service.sharedMemory().systemStatus(request.getName())
                .forEach(region -> response.putRegions(region.name(),
                        SystemSharedMemoryStatusResponse.RegionStatus.newBuilder().setName(region.name())
                                .setKey(region.key()).setOffset(region.offset()).setByteSize(region.byteSize())
                                .build()));
        return response.build();
    }

    private SystemSharedMemoryRegisterResponse registerSystemMemory(SystemSharedMemoryRegisterRequest request) {
        service.sharedMemory().registerSystem(request.getName(), request.getKey(), request.getOffset(),
                request.getByteSize());
        return SystemSharedMemoryRegisterResponse.getDefaultInstance();
    }

    private SystemSharedMemoryUnregisterResponse unregisterSystemMemory(SystemSharedMemoryUnregisterRequest request) {
        service.sharedMemory().unregisterSystem(request.getName());
        return SystemSharedMemoryUnregisterResponse.getDefaultInstance();
    }

    private CudaSharedMemoryStatusResponse cudaMemoryStatus(CudaSharedMemoryStatusRequest request) {
        CudaSharedMemoryStatusResponse.Builder response = CudaSharedMemoryStatusResponse.newBuilder();
        service.sharedMemory().cudaStatus(request.getName())
                .forEach(region -> response.putRegions(region.name(),
                        CudaSharedMemoryStatusResponse.RegionStatus.newBuilder().setName(region.name())
                                .setDeviceId(region.deviceId()).setByteSize(region.byteSize()).build()));
        return response.build();
    }

    private CudaSharedMemoryRegisterResponse registerCudaMemory(CudaSharedMemoryRegisterRequest request) {
        service.sharedMemory().registerCuda(request.getName(), bytes(request.getRawHandle()), request.getDeviceId(),
                request.getByteSize());
        return CudaSharedMemoryRegisterResponse.getDefaultInstance();
    }

    private CudaSharedMemoryUnregisterResponse unregisterCudaMemory(CudaSharedMemoryUnregisterRequest request) {
        service.sharedMemory().unregisterCuda(request.getName());
        return CudaSharedMemoryUnregisterResponse.getDefaultInstance();
    }

    private TraceSettingResponse traceSetting(TraceSettingRequest request) {
        Map<String, List<String>> settings;
        if (request.getSettingsCount() == 0) {
            settings = service.traces().settings(request.getModelName());
        } else {
            Map<String, List<String>> changes = new LinkedHashMap<>();
            request.getSettingsMap().forEach((name, value) -> changes.put(name, value.getValueList()));
            settings = service.traces().change(request.getModelName(), changes, Dialect.GRPC);
        }
        TraceSettingResponse.Builder response = TraceSettingResponse.newBuilder();
        settings.forEach((name, values) -> response.putSettings(name,
                TraceSettingResponse.SettingValue.newBuilder().addAllValue(values).build()));
        return response.build();
    }

    private LogSettingsResponse logSettings(LogSettingsRequest request) {
        Map<String, LogSettingsRequest.SettingValue> given = request.getSettingsMap();
        LogSettings settings = given.isEmpty()
                ? service.logs().settings()
                : service.logs().change(change(given), Dialect.GRPC);
        return LogSettingsResponse.newBuilder().putSettings(LOG_FILE, text(settings.file()))
                .putSettings(LOG_INFO, bool(settings.info())).putSettings(LOG_WARNING, bool(settings.warning()))
                .putSettings(LOG_ERROR, bool(settings.error()))
                .putSettings(LOG_VERBOSE_LEVEL,
                        LogSettingsResponse.SettingValue.newBuilder().setUint32Param(settings.verboseLevel()).build())
                .putSettings(LOG_FORMAT, text(settings.format())).build();
    }

    private static LogSettingsResponse.SettingValue text(String value) {
        return LogSettingsResponse.SettingValue.newBuilder().setStringParam(value).build();
    }

    private static LogSettingsResponse.SettingValue bool(boolean value) {
        return LogSettingsResponse.SettingValue.newBuilder().setBoolParam(value).build();
    }

    private static LogChange change(Map<String, LogSettingsRequest.SettingValue> given) {
        if (given.containsKey(LOG_FILE)) {
            // Refused, whatever else there is.
            return LogChange.OF_FILE;
        }
        return new LogChange(false, flag(given, LOG_INFO), flag(given, LOG_WARNING), flag(given, LOG_ERROR),
                level(given), format(given));
    }

    private static Optional<Boolean> flag(Map<String, LogSettingsRequest.SettingValue> given, String name) {
        return value(given, name, LogSettingsRequest.SettingValue.ParameterChoiceCase.BOOL_PARAM, "boolean")
                .map(LogSettingsRequest.SettingValue::getBoolParam);
    }

    private static Optional<Integer> level(Map<String, LogSettingsRequest.SettingValue> given) {
        return value(given, LOG_VERBOSE_LEVEL, LogSettingsRequest.SettingValue.ParameterChoiceCase.UINT32_PARAM,
                "int32").map(value -> value.getUint32Param() < 0 ? Integer.MAX_VALUE : value.getUint32Param());
    }

    private static Optional<String> format(Map<String, LogSettingsRequest.SettingValue> given) {
        return value(given, LOG_FORMAT, LogSettingsRequest.SettingValue.ParameterChoiceCase.STRING_PARAM, "string")
                .map(LogSettingsRequest.SettingValue::getStringParam);
    }

    private static Optional<LogSettingsRequest.SettingValue> value(
            Map<String, LogSettingsRequest.SettingValue> given, String name,
            LogSettingsRequest.SettingValue.ParameterChoiceCase kind, String expected) {
        LogSettingsRequest.SettingValue value = given.get(name);
        if (value == null) {
            return Optional.empty();
        }
        if (value.getParameterChoiceCase() != kind) {
            throw InferenceException.invalid("expect " + expected + " for '" + name + "'");
        }
        return Optional.of(value);
    }
}
