package dev.nereid.backend.pytorch;

/** What can be made of a TorchScript module at its load, so that it executes faster. */
enum Rewriting {
    /** {@code torch.jit.optimize_for_inference}: weights frozen, and the graph rewritten for oneDNN. */
    OPTIMIZED("optimised for inference") {
        @Override
        TorchParameters apply(TorchParameters parameters) {
            return parameters.optimized();
        }
    },
    /** Weights of convolutions with the channels last in memory, which all that follows a convolution then has, too. */
    CHANNELS_LAST("with channels last") {
        @Override
        TorchParameters apply(TorchParameters parameters) {
            return parameters.laidOutChannelsLast();
        }
    };

    private final String text;

    Rewriting(String text) {
        this.text = text;
    }

    /** Returns the parameters with which a module is loaded so. */
    abstract TorchParameters apply(TorchParameters parameters);

    /** Returns what it is, for people. */
    String text() {
        return text;
    }
}
