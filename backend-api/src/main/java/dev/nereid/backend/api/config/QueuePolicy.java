package dev.nereid.backend.api.config;

/**
 * How long and how many requests may wait.
 *
 * @param timeoutAction what happens to a request that waited too long
 * @param defaultTimeoutMicros how long a request may wait; 0 for ever
 * @param allowTimeoutOverride whether a request may shorten its own timeout
 * @param maxQueueSize how many requests may wait; 0 for no limit of the model's own
 */
public record QueuePolicy(TimeoutAction timeoutAction, long defaultTimeoutMicros, boolean allowTimeoutOverride,
        int maxQueueSize) {
    /** No timeout, no limit. */
    public static final QueuePolicy DEFAULT = new QueuePolicy(TimeoutAction.REJECT, 0, false, 0);

    /** What happens to a request that waited too long. */
    public enum TimeoutAction {
        /** It is answered with an error. */
        REJECT,
        /** It goes behind all others. */
        DELAY
    }
}
