package dev.nereid.server.metrics;

import dev.nereid.engine.stats.MetricFamily;
import dev.nereid.engine.stats.MetricFamily.Kind;
import dev.nereid.engine.stats.MetricFamily.Sample;
import dev.nereid.engine.stats.MetricFamily.Single;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Metrics of the server itself, whatever it serves. */
public final class ServerMetrics {
    private ServerMetrics() {
    }

    /**
     * Returns them as they are now.
     *
     * @param build what the server was built from, by label
     * @param certificateEnds when the certificates of listeners end to be valid, by listener
     */
    public static List<MetricFamily> of(Map<String, String> build, Map<String, Instant> certificateEnds) {
        List<MetricFamily> families = new ArrayList<>();
        families.add(new MetricFamily("nereid_build_info", "What the server was built from; always 1", Kind.GAUGE,
                List.of(new Sample(new TreeMap<>(build), new Single(1)))));
        List<Sample> ends = new ArrayList<>();
        new TreeMap<>(certificateEnds).forEach((listener, end) -> ends
                .add(new Sample(Map.of("listener", listener), new Single((double) end.getEpochSecond()))));
        if (!ends.isEmpty()) {
            families.add(new MetricFamily("nereid_tls_certificate_expiry",
                    "When the first of the certificates that a listener uses ends to be valid, in seconds since 1970",
                    Kind.GAUGE, ends));
        }
        return families;
    }
}
