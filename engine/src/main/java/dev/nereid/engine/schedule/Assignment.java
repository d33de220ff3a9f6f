package dev.nereid.engine.schedule;

import dev.nereid.engine.instance.ExecutionBatch;
import dev.nereid.engine.instance.Instance;

/** A batch and the instance that is to execute it. */
public record Assignment(QueueScheduler scheduler, ExecutionBatch batch, Instance instance) implements Runnable {
    /** Executes the batch on this thread, then passes the instance on. */
    @Override
    public void run() {
        scheduler.execute(this);
    }
}
