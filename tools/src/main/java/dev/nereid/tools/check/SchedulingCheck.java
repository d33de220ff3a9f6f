package dev.nereid.tools.check;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.schedule.SchedulerFactory;
import dev.nereid.engine.schedule.Wakeups;
import dev.nereid.engine.stats.ModelStatistics;
import java.time.InstantSource;
import java.util.Optional;

/** Asks the server's schedulers whether they offer what a model wants. Nothing is executed. */
final class SchedulingCheck {
    private static final Wakeups NONE = action -> new Wakeups.Alarm() {
        @Override
        public void set(long nanos) {
            // Nothing waits here.
        }

        @Override
        public void rang() {
            // It never rings.
        }
    };

    private SchedulingCheck() {
    }

    /** Fails with the server's text where it can't schedule requests to the model. */
    static void check(ModelConfig config) {
        SchedulerFactory schedulers = new SchedulerFactory(System::nanoTime, InstantSource.system(), NONE, 1,
                Optional.empty(), 0, 0);
        var _ = schedulers.scheduler(config, new ModelStatistics(config.histogramBuckets(), false), Optional.empty(),
                SchedulingCheck.class.getClassLoader());
    }
}
