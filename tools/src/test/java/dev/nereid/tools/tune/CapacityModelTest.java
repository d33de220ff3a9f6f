package dev.nereid.tools.tune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;

class CapacityModelTest {
    /** 2 ms for an execution and half a millisecond for each row. */
    private static final ExecutionCurve CURVE = new ExecutionCurve(
            Map.of(1, 0.0025, 2, 0.003, 4, 0.004, 8, 0.006, 16, 0.010));

    private static CapacityModel model(int instances, int maxBatch, boolean batches, long delay) {
        return new CapacityModel(CURVE, new Setting(instances, 0, maxBatch, batches, delay));
    }

    @Test
    void theCurveIsStraightBetweenWhatWasMeasuredAndGoesOnBeyond() {
        assertEquals(0.0025, CURVE.at(0.5));
        assertEquals(0.0035, CURVE.at(3), 1e-12);
        assertEquals(0.0035 - 0.00025, CURVE.at(2.5), 1e-12);
        assertEquals(0.014, CURVE.at(24), 1e-12);
        assertEquals(0.02, new ExecutionCurve(Map.of(1, 0.01)).at(2), 1e-12);
        assertEquals(0.005, CURVE.scaled(2).at(1), 1e-12);
    }

    @Test
    void capacityIsThatOfTheBestBatch() {
        assertEquals(400, model(1, 16, false, 0).capacity(), 1e-9);
        assertEquals(1600, model(1, 16, true, 0).capacity(), 1e-9);
        assertEquals(3200, model(2, 16, true, 0).capacity(), 1e-9);
        // Where a batch takes as long as its rows alone, it gains nothing.
        CapacityModel flat = new CapacityModel(new ExecutionCurve(Map.of(1, 0.01, 2, 0.02, 4, 0.05)),
                new Setting(1, 0, 4, true, 0));
        assertEquals(100, flat.capacity(), 1e-9);
    }

    @Test
    void batchesHoldWhatComesWhileTheLastOneIsExecuted() {
        CapacityModel model = model(1, 16, true, 0);
        assertEquals(1, model.batchAt(100), 1e-6);
        // n rows take 2 + n / 2 ms: at 1000 a second that is 4.
        assertEquals(4, model.batchAt(1000), 0.01);
        assertEquals(16, model.batchAt(1599), 0.3);
        // A delay of 10 ms at 200 a second brings two more.
        assertEquals(3, model(1, 16, true, 10_000).batchAt(200), 1e-6);
    }

    @Test
    void latencyGrowsWithTheRateAndEndsAtTheCapacity() {
        CapacityModel model = model(1, 16, true, 0);
        double last = 0;
        for (double rate = 50; rate < 1600; rate += 50) {
            double p99 = model.p99At(rate);
            assertTrue(p99 >= last, "at " + rate);
            last = p99;
        }
        assertTrue(model.p99At(100) < 0.006);
        assertTrue(Double.isInfinite(model.p99At(1600)));
    }

    @Test
    void theRateWithinAGoalIsTheHighestThatKeepsIt() {
        CapacityModel model = model(1, 16, true, 0);
        double rate = model.rateWithin(0.02);
        assertTrue(rate > 800 && rate < 1600, "rate " + rate);
        assertTrue(model.p99At(rate) <= 0.02);
        assertTrue(model.p99At(rate * 1.01) > 0.02);
        assertEquals(0, model.rateWithin(0.002), 1e-6, "one execution takes longer");
        assertTrue(model(1, 16, true, 0).rateWithin(0.02) > 2 * model(1, 16, false, 0).rateWithin(0.02));
        // A large batch takes too long for a tight goal, and small ones are bounded by it.
        assertTrue(model(1, 16, true, 0).rateWithin(0.006) < model(1, 16, true, 0).rateWithin(0.02));
    }

    @Test
    void aDelayCostsLatencyWhereBatchesAreNotFull() {
        assertTrue(model(1, 16, true, 5000).p99At(100) > model(1, 16, true, 0).p99At(100) + 0.004);
    }
}
