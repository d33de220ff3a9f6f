package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.MemoryUsage;
import java.util.List;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Type;

/** A model file that libtorch has loaded. Closed once, on any thread. */
interface LoadedModule extends AutoCloseable {
    /** Tells what it takes and returns. */
    ForwardSignature signature();

    /**
     * Runs it.
     *
     * @param stack holds the arguments, and then whatever is left there
     * @return the results, which belong to the caller's scope or to the stack, and are gone with the first of the two
     */
    List<IValue> run(IValueVector stack);

    /** Returns whether a run may write into its arguments. */
    default boolean mayChangeArguments() {
        return false;
    }

    /** Returns whether a run may start asynchronous tasks. */
    default boolean startsTasks() {
        return false;
    }

    /** Returns whether runs for a trial can be undone, by what {@link #saveState} returns. */
    default boolean canBeTried() {
        return true;
    }

    /** Returns whether libtorch may be asked to rewrite it. */
    default boolean canBeOptimized() {
        return false;
    }

    /** Returns whether it has weights that may lie in memory with their channels last: those of convolutions. */
    default boolean hasChannels() {
        return false;
    }

    /** Returns whether what it does may depend on how tensors lie in memory, in a way that a trial need not meet. */
    default boolean mayLookAtLayout() {
        return false;
    }

    /** What a module kept from run to run, at some time. */
    @FunctionalInterface
    interface SavedState extends AutoCloseable {
        /** Brings it back; runs must not be going on. */
        @Override
        void close();
    }

    /** Saves what runs may change, so that runs for a trial can be undone. */
    default SavedState saveState() {
        return () -> {
        };
    }

    /** Returns the element type of list argument {@code position}. The caller owns it. */
    Type.TypePtr listElementType(int position);

    /** Returns what its parameters and buffers occupy; nothing where the file does not tell. */
    default List<MemoryUsage> memoryUsage() {
        return List.of();
    }

    @Override
    void close();
}
