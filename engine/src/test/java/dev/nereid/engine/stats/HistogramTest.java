package dev.nereid.engine.stats;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class HistogramTest {
    @Test
    void aValueOnABoundBelongsBelowIt() {
        Histogram histogram = new Histogram(List.of(10.0, 20.0), 1000);

        histogram.add(10_000);
        histogram.add(10_001);
        histogram.add(99_000);

        assertEquals(List.of(new Histogram.Bucket(10, 1), new Histogram.Bucket(20, 2),
                new Histogram.Bucket(Double.POSITIVE_INFINITY, 3)), histogram.buckets());
        assertEquals(119.001, histogram.sum());
    }

    @Test
    void boundsAreSorted() {
        Histogram histogram = new Histogram(List.of(20.0, 10.0), 1);

        histogram.add(15);

        assertEquals(0, histogram.buckets().getFirst().count());
        assertEquals(1, histogram.buckets().get(1).count());
    }
}
