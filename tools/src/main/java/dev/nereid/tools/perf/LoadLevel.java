package dev.nereid.tools.perf;

import java.util.Locale;

/** One step of a sweep: how hard the server is driven. */
sealed interface LoadLevel {
    /**
     * A number of requests that are always under way.
     *
     * @param concurrency the number
     */
    record Concurrency(int concurrency) implements LoadLevel {
        @Override
        public String text() {
            return Integer.toString(concurrency);
        }

        @Override
        public String kind() {
            return "Concurrency";
        }
    }

    /**
     * A number of requests that are sent in each second.
     *
     * @param requestsPerSecond the number
     */
    record RequestRate(double requestsPerSecond) implements LoadLevel {
        @Override
        public String text() {
            return requestsPerSecond == Math.rint(requestsPerSecond)
                    ? Long.toString((long) requestsPerSecond)
                    : String.format(Locale.ROOT, "%.2f", requestsPerSecond);
        }

        @Override
        public String kind() {
            return "Request Rate";
        }
    }

    /** Returns the number, as reports show it. */
    String text();

    /** Returns what the number counts: the heading of its column. */
    String kind();
}
