package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.BatchParts;
import dev.nereid.backend.api.batch.BatchResponses;
import dev.nereid.backend.api.config.ModelConfig;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.Reference;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/** Runs one module. Created, executed and closed on one thread. */
final class PyTorchInstance implements ModelInstance {
    private static final Logger LOGGER = System.getLogger(PyTorchInstance.class.getName());

    /** libtorch profiles the first runs, then compiles; the next one is the first at full speed. */
    private static final int WARMUP_ROUNDS = 3;

    private final ModelConfig config;
    private final TorchParameters parameters;
    private final LoadedModule module;
    private final Runnable leaveModule;
    private final InputPlan inputs;
    private final int sentCount;
    private final InputReader reader;
    private final OutputWriter writer;
    private final ThreadBudget.@Nullable Lease threads;
    private final @Nullable GpuSession gpu;

    private PyTorchInstance(ModelConfig config, TorchParameters parameters, LoadedModule module, Runnable leaveModule,
            InputPlan inputs, InputReader reader, OutputWriter writer, ThreadBudget.@Nullable Lease threads,
            @Nullable GpuSession gpu) {
        this.config = config;
        this.parameters = parameters;
        this.module = module;
        this.leaveModule = leaveModule;
        this.inputs = inputs;
        this.sentCount = inputs.sentCount();
        this.reader = reader;
        this.writer = writer;
        this.threads = threads;
        this.gpu = gpu;
    }

    static PyTorchInstance create(String name, ModelConfig config, TorchParameters parameters, InputPlan inputs,
            OutputPlan outputs, LoadedModule module, Runnable leaveModule, TorchDevice device,
            TorchEnvironment environment) {
        GpuSession gpu = device instanceof TorchDevice.Gpu(int index)
                ? GpuSession.open(environment, index, parameters)
                : null;
        InputReader reader = InputReader.create(inputs, module, gpu);
        ThreadBudget.Lease threads = gpu == null ? environment.budget().lease(parameters.intraOpThreads()) : null;
        PyTorchInstance instance = new PyTorchInstance(config, parameters, module, leaveModule, inputs, reader,
                new OutputWriter(outputs, gpu), threads, gpu);
        try {
            if (parameters.autoWarmup() && inputs.isFixed() && module.canBeTried()) {
                instance.warmUp(name);
                // It may be long until the first request.
                environment.torch().releaseWorkers();
            }
        } catch (RuntimeException | Error e) {
            // The module stays with the caller.
            instance.closeOwn();
            throw e;
        }
        return instance;
    }

    /** Runs zeros through the model, so that no client waits for libtorch's profiling. A failure harms nothing. */
    private void warmUp(String name) {
        prepareThread();
        long begin = System.nanoTime();
        try (Pointer _ = withoutGradients()) {
            // Another instance that has the same module would save what is to be undone.
            synchronized (module) {
                runZeros(name);
            }
        } catch (RuntimeException e) {
            LOGGER.log(Level.WARNING, () -> "model '" + config.name() + "' instance '" + name
                    + "' can't execute zeros, so its first requests will be slow (ENABLE_AUTO_WARMUP false turns this"
                    + " off): " + TorchErrors.brief(e));
            return;
        } finally {
            leaveThread();
        }
        LOGGER.log(Level.DEBUG, () -> "model '" + config.name() + "' instance '" + name + "' warmed up in "
                + (System.nanoTime() - begin) / 1_000_000 + " ms");
    }

    /** A model that keeps state is left as it was loaded. */
    private void runZeros(String name) {
        try (LoadedModule.SavedState _ = module.saveState()) {
            for (int round = 0; round < WARMUP_ROUNDS; round++) {
                runZerosOnce();
            }
            if (threads != null && threads.isOpen()) {
                chooseThreads(name, threads);
            }
        }
    }

    private void runZerosOnce() {
        try (PointerScope _ = new PointerScope()) {
            module.run(reader.zeros(1, config.isBatching()));
            if (gpu != null) {
                gpu.await();
            }
        } finally {
            reader.release();
        }
    }

    /** An instance whose share is not the fastest gets less. */
    private void chooseThreads(String name, ThreadBudget.Lease lease) {
        int share = lease.threads();
        int chosen = share;
        try {
            chosen = ThreadTrial.fastest(share, count -> {
                lease.limit(count);
                lease.apply();
                long begin = System.nanoTime();
                runZerosOnce();
                return System.nanoTime() - begin;
            });
        } finally {
            lease.limit(chosen == share ? Integer.MAX_VALUE : chosen);
        }
        int fastest = chosen;
        if (fastest < share) {
            LOGGER.log(Level.INFO, () -> "PyTorch threads: " + share + " for each execution of model '" + config.name()
                    + "' instance '" + name + "' were slower than " + fastest + ", which it uses"
                    + " (INTRA_OP_THREAD_COUNT sets another number)");
        }
    }

    /** Outside of inference mode, too, nobody asks for gradients, and what they need would be kept. */
    private Pointer withoutGradients() {
        return parameters.inferenceMode() ? new InferenceMode(true) : new NoGradGuard();
    }

    private void prepareThread() {
        if (threads != null) {
            threads.apply();
        }
        if (gpu != null) {
            gpu.prepare();
        }
        if (!parameters.optimizedExecution()) {
            torch.setGraphExecutorOptimize(false);
        }
    }

    /** The switch belongs to the thread, which may execute another model next. */
    private void leaveThread() {
        if (!parameters.optimizedExecution()) {
            torch.setGraphExecutorOptimize(true);
        }
    }

    @Override
    public void execute(Batch batch) {
        prepareThread();
        try {
            if (areAlike(batch.requests())) {
                executeAlike(batch);
            } else {
                // One execution can't serve requests that leave out different inputs.
                BatchParts.execute(batch, inputs::sentBy, this::executeAlike);
            }
        } finally {
            leaveThread();
        }
    }

    /** Returns whether every request has every input: then they go together. */
    private boolean areAlike(List<InferenceRequest> requests) {
        for (InferenceRequest request : requests) {
            if (request.inputs().size() != sentCount) {
                return false;
            }
        }
        return true;
    }

    private void executeAlike(Batch batch) {
        try (PointerScope _ = new PointerScope();
                Pointer _ = withoutGradients()) {
            InputReader.Arguments arguments = reader.read(batch);
            batch.markComputeStart();
            List<IValue> results = module.run(arguments.values());
            if (gpu != null) {
                gpu.await();
            }
            BatchResponses responses = new BatchResponses(batch, config.isBatching());
            writer.write(results, arguments, responses);
            responses.send();
            if (gpu != null) {
                gpu.finish();
            }
        } catch (RuntimeException e) {
            awaitAfter(e);
            throw e instanceof InferenceException ? e : failure(e);
        } finally {
            reader.release();
            // Native code reads the requests' memory until here.
            Reference.reachabilityFence(batch);
        }
    }

    /** Whatever was started must have ended before its memory is used again. */
    private void awaitAfter(RuntimeException error) {
        try {
            if (gpu != null) {
                gpu.await();
            }
        } catch (RuntimeException e) {
            error.addSuppressed(e);
        }
    }

    private InferenceException failure(RuntimeException error) {
        return new InferenceException(StatusCode.INTERNAL, "PyTorch execute failure: " + TorchErrors.brief(error),
                error);
    }

    @Override
    public void close() {
        closeOwn();
        leaveModule.run();
    }

    private void closeOwn() {
        if (threads != null) {
            threads.close();
        }
        reader.close();
        if (gpu != null) {
            gpu.close();
        }
    }
}
