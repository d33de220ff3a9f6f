package dev.nereid.server.scheduler;

/** A batch and the instance that is to execute it. */
record Assignment(Dispatcher dispatcher, ExecutionBatch batch, Instance instance) implements Runnable {
    /** Executes the batch on this thread, then passes the instance on. */
    @Override
    public void run() {
        dispatcher.execute(this);
    }
}
