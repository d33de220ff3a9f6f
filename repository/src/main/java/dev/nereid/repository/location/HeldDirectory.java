package dev.nereid.repository.location;

/** A model's directory that somebody uses; it stays at least until this is closed. Threads: any. */
public interface HeldDirectory extends AutoCloseable {
    /** A directory that is not ours to remove. */
    HeldDirectory NONE = () -> {
    };

    /** Says that the directory is used no longer. */
    @Override
    void close();
}
