package dev.nereid.engine.schedule;

/** Wakes schedulers when a queued request is due. Tests use one that they ring by hand. */
public interface Wakeups {
    /** Returns an alarm that is not set. */
    Alarm alarm(Runnable action);

    /** Calls an action at a time that may be changed. Used under the lock of whoever made it. */
    interface Alarm {
        /** Sets the time, in nanoseconds of the scheduler's clock, or {@link RequestQueue#NEVER}. May ring early. */
        void set(long nanos);

        /** Notes that the alarm has rung, before it is set anew. */
        void rang();
    }
}
