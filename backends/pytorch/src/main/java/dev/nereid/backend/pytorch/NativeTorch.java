package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.global.torch;

/** The native libraries, and the few functions that the bindings lack. */
final class NativeTorch implements ThreadBudget.NativeThreads {
    private static final Logger LOGGER = System.getLogger(NativeTorch.class.getName());
    private static final String SET_FUSER = "_ZN5torch3jit25setTensorExprFuserEnabledEb";
    /** Of OpenMP 5.0: in GNU's library, ends the threads that it keeps for the calling one. */
    private static final String PAUSE = "omp_pause_resource_all";
    /** Tells the libraries of LLVM and Intel from GNU's. */
    private static final String OTHER_OPENMP = "__kmpc_fork_call";
    private static final int HARD_PAUSE = 2;

    private final Optional<MethodHandle> setFuser;
    private final Optional<MethodHandle> trimHeap;
    private final Optional<MethodHandle> pause;

    private NativeTorch(Optional<MethodHandle> setFuser, Optional<MethodHandle> trimHeap,
            Optional<MethodHandle> pause) {
        this.setFuser = setFuser;
        this.trimHeap = trimHeap;
        this.pause = pause;
    }

    /**
     * Loads libtorch.
     *
     * @throws InferenceException UNAVAILABLE when that fails
     */
    static NativeTorch load(TorchSettings settings) {
        Optional<OwnLibtorch> own = settings.ownLibtorch().map(OwnLibtorch::of);
        Path libraries;
        try {
            chooseBlas(settings.blas());
            Path bindings = Path.of(own.isPresent() ? own.get().load(torch.class) : loadPackaged());
            libraries = own.map(OwnLibtorch::libraries).orElse(bindings.resolveSibling(""));
        } catch (InferenceException e) {
            throw e;
        } catch (LinkageError | IOException | RuntimeException e) {
            LOGGER.log(Level.ERROR, "libtorch can't be loaded", e);
            throw new InferenceException(StatusCode.UNAVAILABLE,
                    "the native libraries of PyTorch can't be loaded on this machine: " + LibraryCache.obstacle()
                            .orElseGet(() -> TorchErrors.brief(e)),
                    e);
        }
        settings.opLibraries().forEach(NativeTorch::loadOperators);
        try (PointerScope _ = new PointerScope()) {
            torch.globalContext().setAllowTF32CuBLAS(settings.tf32());
            torch.globalContext().setAllowTF32CuDNN(settings.tf32());
        }
        LOGGER.log(Level.INFO, () -> "PyTorch: libtorch " + LibtorchVersion.wanted() + ", "
                + own.map(installation -> "that of " + installation.libraries()).orElse("the packaged one") + ", "
                + settings.blas().text() + " for matrix products; TF32 on GPUs " + (settings.tf32() ? "on" : "off"));
        Path cpu = libraries.resolve(System.mapLibraryName("torch_cpu"));
        return new NativeTorch(
                find(cpu, SET_FUSER, FunctionDescriptor.of(ValueLayout.JAVA_BOOLEAN, ValueLayout.JAVA_BOOLEAN)), trim(),
                pause(cpu));
    }

    private static String loadPackaged() {
        TestedBindings.expect();
        return Loader.load(torch.class);
    }

    /** A library registers its operators by being loaded. */
    @SuppressWarnings("restricted")
    private static void loadOperators(String library) {
        try {
            System.load(Path.of(library).toAbsolutePath().toString());
        } catch (UnsatisfiedLinkError e) {
            LOGGER.log(Level.ERROR, () -> "backend setting " + TorchSettings.OP_LIBRARIES + ": " + e.getMessage());
            throw new InferenceException(StatusCode.UNAVAILABLE, "the library '" + Path.of(library).getFileName()
                    + "' of the backend setting '" + TorchSettings.OP_LIBRARIES + "' can't be loaded: "
                    + TorchErrors.brief(e), e);
        }
        LOGGER.log(Level.INFO, () -> "PyTorch: operators of " + library);
    }

    /** JavaCPP puts MKL in the place of OpenBLAS where it is told to; its jars must be in the plugin's directory. */
    private static void chooseBlas(TorchSettings.Blas blas) {
        if (blas == TorchSettings.Blas.OPENBLAS) {
            return;
        }
        String library = "/org/bytedeco/mkl/" + Loader.Detector.getPlatform() + "/"
                + System.mapLibraryName("mkl_rt") + ".2";
        if (NativeTorch.class.getResource(library) == null) {
            throw InferenceException.unavailable("the backend setting '" + TorchSettings.BLAS
                    + "' is 'mkl', but the PyTorch backend's directory does not hold MKL");
        }
        System.setProperty("org.bytedeco.openblas.load", "mkl");
    }

    @SuppressWarnings("restricted") // the libraries are loaded already; these only find functions in them
    private static Optional<MethodHandle> find(Path library, String symbol, FunctionDescriptor type) {
        if (!Files.exists(library)) {
            return Optional.empty();
        }
        return SymbolLookup.libraryLookup(library, Arena.global()).find(symbol)
                .map(address -> Linker.nativeLinker().downcallHandle(address, type));
    }

    /**
     * A library is searched with those that it needs, so OpenMP's is found whatever it is called. That of LLVM or Intel,
     * which an installation of the user's may have, is left alone: there the call is about the whole process, executions of
     * others included.
     */
    private static Optional<MethodHandle> pause(Path library) {
        FunctionDescriptor type = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
        return find(library, OTHER_OPENMP, type).isPresent() ? Optional.empty() : find(library, PAUSE, type);
    }

    @SuppressWarnings("restricted")
    private static Optional<MethodHandle> trim() {
        Linker linker = Linker.nativeLinker();
        return linker.defaultLookup().find("malloc_trim").map(address -> linker.downcallHandle(address,
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG)));
    }

    /** Returns the memory at an address; valid as long as its owner keeps it. */
    @SuppressWarnings("restricted")
    static MemorySegment memory(long address, long byteSize) {
        return MemorySegment.ofAddress(address).reinterpret(byteSize);
    }

    @Override
    public void setIntraOp(int count) {
        // A thread takes over what was last set on any other when it first asks or computes, so it is made to ask before.
        int ignored = torch.get_num_threads();
        torch.set_num_threads(count);
    }

    /**
     * Ends the threads that OpenMP keeps for the calling one; its next execution starts them again, which took 40 to 65
     * us with two threads. OpenMP counts the threads that it keeps in the whole process, idle ones as well. While there
     * are more than cores, the threads of a team no longer wait for each other actively, but sleep each time, which makes a
     * convolutional model slower by a fifth. So what is not about to execute, and most of all a thread that only loads,
     * keeps none. Does nothing where OpenMP's library is not GNU's.
     */
    void releaseWorkers() {
        if (pause.isEmpty()) {
            return;
        }
        try {
            int ignored = (int) pause.get().invokeExact(HARD_PAUSE);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public boolean setInterOp(int count) {
        try {
            torch.set_num_interop_threads(count);
            return true;
        } catch (RuntimeException e) {
            LOGGER.log(Level.DEBUG, () -> TorchErrors.full(e));
            return false;
        }
    }

    @Override
    public int interOp() {
        return Math.toIntExact(torch.get_num_interop_threads());
    }

    @Override
    public void setBlas(int count) {
        openblas_nolapack.blas_set_num_threads(count);
    }

    /** Sets the process-wide switches that a model asks for. */
    void apply(TorchParameters parameters) {
        parameters.jitExecutor().ifPresent(on -> torch.getExecutorMode().put(on));
        parameters.jitProfiling().ifPresent(on -> torch.getProfilingMode().put(on));
        parameters.tensorFuser().ifPresent(this::setTensorFuser);
    }

    private void setTensorFuser(boolean on) {
        if (setFuser.isEmpty()) {
            LOGGER.log(Level.WARNING, "ENABLE_TENSOR_FUSER has no effect: this libtorch lacks the switch");
            return;
        }
        try {
            boolean ignored = (boolean) setFuser.get().invokeExact(on);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /** Gives memory that the C library keeps for itself back to the system, after a model is gone. */
    void trimHeap() {
        if (trimHeap.isEmpty()) {
            return;
        }
        try {
            int ignored = (int) trimHeap.get().invokeExact(0L);
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }
}
