package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.StagingMemory;

/**
 * What all models of this process share.
 *
 * @param torch the native libraries
 * @param budget the threads
 * @param gpus the GPUs
 * @param optimizes whether models are tried with their graph rewritten for inference
 * @param staging the server's memory for copies to GPUs
 */
record TorchEnvironment(NativeTorch torch, ThreadBudget budget, Gpus gpus, boolean optimizes, StagingMemory staging) {
    /** Loads the native libraries as the backend's settings ask for. */
    static TorchEnvironment create(BackendContext context, Gpus gpus) {
        TorchSettings settings = TorchSettings.parse(context.settings());
        NativeTorch torch = NativeTorch.load(settings);
        return new TorchEnvironment(torch, ThreadBudget.create(settings, torch), gpus, settings.optimizes(),
                context.stagingMemory());
    }
}
