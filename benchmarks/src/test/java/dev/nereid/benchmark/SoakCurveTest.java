package dev.nereid.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

final class SoakCurveTest {
    private static SoakSample sample(double minutes, double resident) {
        return new SoakSample(minutes, resident, Double.NaN, Double.NaN, 40, 90, (long) (minutes * 60 * 299), 0);
    }

    /** Returns a curve with two samples a minute. */
    private static SoakCurve curve(int minutes, DoubleUnaryOperator resident) {
        List<SoakSample> samples = new ArrayList<>();
        for (double at = 0; at <= minutes; at += 0.5) {
            samples.add(sample(at, resident.applyAsDouble(at)));
        }
        return new SoakCurve(samples);
    }

    private static Map<String, String> texts(SoakCurve curve) {
        return curve.figures().stream().collect(Collectors.toMap(Figure::name, Figure::text));
    }

    @Test
    void findsTheSlopeOfALine() {
        assertEquals(0.25, curve(5, minutes -> 300 + minutes / 4).slope().orElseThrow(), 1e-9);
        assertEquals(-2, curve(5, minutes -> 300 - 2 * minutes).slope().orElseThrow(), 1e-9);
    }

    @Test
    void findsTheSlopeThroughPointsThatAreNotOnALine() {
        // Of the points (1, 1), (2, 3), (3, 2), (4, 5): the squares to the line 0 + 1.1 x are the least there can be.
        SoakCurve curve = new SoakCurve(List.of(sample(0, 99), sample(1, 1), sample(2, 3), sample(3, 2), sample(4, 5)));

        assertEquals(1.1, curve.slope().orElseThrow(), 1e-9);
    }

    @Test
    void theFirstFifthDoesNotCount() {
        assertEquals(0, curve(5, minutes -> minutes < 1 ? 100 : 300).slope().orElseThrow(), 1e-9);
        assertTrue(curve(5, minutes -> minutes < 1.5 ? 100 : 300).slope().orElseThrow() > 1);
    }

    @Test
    void noMoreThanTheFirstTenMinutesDoNotCount() {
        assertEquals(0, curve(100, minutes -> minutes < 10 ? 100 : 300).slope().orElseThrow(), 1e-9);
        assertTrue(curve(100, minutes -> minutes < 11 ? 100 : 300).slope().orElseThrow() > 0.01);
    }

    @Test
    void saysNothingWithTooFewSamples() {
        assertEquals(OptionalDouble.empty(), new SoakCurve(List.of()).slope());
        assertEquals(List.of(), new SoakCurve(List.of(sample(0, 300))).figures());
    }

    @Test
    void tellsHighestAndLast() {
        Map<String, String> texts = texts(curve(5, minutes -> minutes == 2 ? 400 : 320));

        assertEquals("400 MiB", texts.get("soak: resident memory, highest"));
        assertEquals("320 MiB", texts.get("soak: resident memory at the end"));
        assertEquals("299 1/s", texts.get("soak: answered requests a second"));
        assertEquals("40", texts.get("soak: threads, highest"));
    }

    @Test
    void leavesOutWhatIsNotKnown() {
        assertTrue(texts(curve(5, minutes -> 300)).keySet().stream().noneMatch(name -> name.contains("heap")));
    }

    @Test
    void onlyALongSoakIsJudged() {
        assertTrue(curve(59, minutes -> 300 + minutes).figures().stream().allMatch(each -> each.mark().isEmpty()));
        assertEquals(List.of("slope <= 0.48: missed"), curve(60, minutes -> 300 + minutes).figures().stream()
                .flatMap(each -> each.verdict().stream()).map(Mark.Verdict::text).toList());
    }
}
