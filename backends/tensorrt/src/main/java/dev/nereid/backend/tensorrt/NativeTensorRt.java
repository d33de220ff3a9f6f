package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Optimization;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.bytedeco.cuda.cudart.cudaDeviceProp;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.tensorrt.global.nvinfer;
import org.bytedeco.tensorrt.global.nvinfer_plugin;
import org.bytedeco.tensorrt.nvinfer.IRuntime;
import org.jspecify.annotations.Nullable;

/** TensorRT and CUDA, by JavaCPP. */
final class NativeTensorRt implements TensorRt {
    private static final Logger LOGGER = System.getLogger(NativeTensorRt.class.getName());

    private static final long SMALLEST_ADDRESS = 64 * 1024;

    private final NativeLogger logger;
    private final TrtVersion version;
    private final boolean allowsHostCode;

    private NativeTensorRt(NativeLogger logger, TrtVersion version, boolean allowsHostCode) {
        this.logger = logger;
        this.version = version;
        this.allowsHostCode = allowsHostCode;
    }

    /**
     * Loads the bindings and the plugins; the libraries themselves have been found.
     *
     * @throws InferenceException UNAVAILABLE when that fails
     */
    static NativeTensorRt load(TrtLibraries libraries, TrtSettings settings) {
        NativeLogger logger = newLogger();
        try {
            if (libraries.hasPlugins() && !nvinfer_plugin.initLibNvInferPlugins(logger, "")) {
                LOGGER.log(Level.ERROR, "Failed to register TensorRT Plugins");
            }
            settings.plugins().forEach(NativeTensorRt::loadPlugin);
            return new NativeTensorRt(logger, libraries.version().orElse(TrtVersion.BINDINGS),
                    settings.versionCompatible());
        } catch (LinkageError e) {
            logger.close();
            throw unusable(e);
        } catch (RuntimeException e) {
            logger.close();
            throw e;
        }
    }

    /** Creates what TensorRT logs to, and with it loads the bindings. */
    static NativeLogger newLogger() {
        try {
            return new NativeLogger();
        } catch (LinkageError e) {
            throw unusable(e);
        }
    }

    private static InferenceException unusable(LinkageError error) {
        LOGGER.log(Level.WARNING, "TensorRT's bindings can't be loaded", error);
        return new InferenceException(StatusCode.UNAVAILABLE,
                "TensorRT can't run on this machine: its bindings can't be"
                        + " loaded; nereid doctor shows what is missing",
                error);
    }

    private static void loadPlugin(String library) {
        if (!Pointer.isNull(nvinfer.getPluginRegistry().loadLibrary(library))) {
            return;
        }
        // Older plugins register themselves when they are opened.
        DynamicLinker.Opened opened = DynamicLinker.open(library);
        if (!opened.isOpen()) {
            LOGGER.log(Level.WARNING, () -> "plugin library " + library + ": " + opened.error());
            throw InferenceException.unavailable("TensorRT can't run on this machine: plugin library '"
                    + Path.of(library).getFileName() + "' can't be opened");
        }
    }

    @Override
    public TrtVersion version() {
        return version;
    }

    @Override
    public int deviceCount() {
        int[] count = new int[1];
        int status = cudart.cudaGetDeviceCount(count);
        if (status == cudart.cudaErrorNoDevice) {
            cudart.cudaGetLastError();
            return 0;
        }
        if (status == cudart.cudaErrorInsufficientDriver) {
            cudart.cudaGetLastError();
            throw InferenceException
                    .unavailable("TensorRT can't run on this machine: the NVIDIA driver is older than CUDA"
                            + " 13 needs, or there is none; install version 580 or newer");
        }
        NativeCuda.check(status, "find GPUs");
        return count[0];
    }

    @Override
    public GpuDevice device(int id) {
        try (cudaDeviceProp properties = new cudaDeviceProp()) {
            NativeCuda.check(cudart.cudaGetDeviceProperties(properties, id),
                    "get CUDA device properties for GPU " + id);
            return new GpuDevice(id, properties.name().getString(), properties.major(), properties.minor());
        }
    }

    @Override
    public void use(int deviceId) {
        NativeCuda.check(cudart.cudaSetDevice(deviceId), "use GPU " + deviceId);
    }

    @Override
    public TrtRuntime createRuntime(OptionalInt accelerator) {
        IRuntime runtime = nvinfer.createInferRuntime(logger);
        if (isNothing(runtime)) {
            throw TrtErrors.refused("unable to create TensorRT runtime", logger.takeComplaint());
        }
        try {
            if (allowsHostCode) {
                runtime.setEngineHostCodeAllowed(true);
            }
            if (accelerator.isPresent()) {
                int cores = runtime.getNbDLACores();
                if (accelerator.getAsInt() >= cores) {
                    throw InferenceException.invalid("unable to create TensorRT runtime with DLA Core ID: "
                            + accelerator.getAsInt() + ", available number of DLA cores: " + cores);
                }
                runtime.setDLACore(accelerator.getAsInt());
            }
            return new NativeEngine.Deserializer(runtime, logger, device(current()));
        } catch (RuntimeException e) {
            NativeDelete.delete(runtime);
            throw e;
        }
    }

    /** Where it fails, TensorRT 11.2 returns null plus an offset, which is no object either. */
    static boolean isNothing(@Nullable Pointer object) {
        return object == null || (object.address() >= 0 && object.address() < SMALLEST_ADDRESS);
    }

    private static int current() {
        int[] device = new int[1];
        NativeCuda.check(cudart.cudaGetDevice(device), "ask for the current GPU");
        return device[0];
    }

    @Override
    public CudaStream createStream(Optimization.Priority priority) {
        return NativeCuda.stream(priority);
    }

    @Override
    public CudaEvent createEvent(boolean spins) {
        return NativeCuda.event(spins);
    }

    @Override
    public DeviceMemory allocate(long byteSize, String purpose) {
        return NativeCuda.allocate(current(), byteSize, purpose);
    }

    @Override
    public void close() {
        logger.close();
    }
}
