package dev.nereid.backend.api;

import java.util.Map;

/**
 * Metrics of a backend's own, shown beside the server's on the metrics port. Implemented by the server; from
 * {@link BackendContext#metrics()} for what concerns the backend as a whole, where the server adds the label
 * {@code backend}, or from {@link ModelContext#metrics()} for what concerns one model, where it adds {@code model} and
 * {@code version}. They disappear when that backend or model is closed.
 *
 * <p>A name is of letters, digits and {@code _}, begins with a letter, and not with {@code nv_}, which is the server's.
 * Whoever asks again, with the same name and labels, gets the same metric: instances share it. Ask once and keep it;
 * recording takes no lock, and any thread may do it.
 *
 * <p>All methods throw an {@link InferenceException}: INVALID_ARG when a name, a label or a bound can't be used,
 * ALREADY_EXISTS when the name is that of a metric of another kind, UNAVAILABLE when the backend or the model has as
 * many metrics as the server allows. So let label values come from a small set, and not from requests.
 */
public interface Metrics {
    /**
     * Returns a counter.
     *
     * @param name by custom ends with the unit and {@code _total}
     * @param help one sentence for whoever reads the metrics
     * @param labels tell metrics of one name apart
     */
    Counter counter(String name, String help, Map<String, String> labels);

    /**
     * Returns a gauge.
     *
     * @param name by custom ends with the unit
     * @param help one sentence for whoever reads the metrics
     * @param labels tell metrics of one name apart
     */
    Gauge gauge(String name, String help, Map<String, String> labels);

    /**
     * Returns a histogram.
     *
     * @param name by custom ends with the unit
     * @param help one sentence for whoever reads the metrics
     * @param labels tell metrics of one name apart
     * @param bounds the upper bounds of its buckets, ascending; there is one more, without a bound
     */
    Histogram histogram(String name, String help, Map<String, String> labels, double... bounds);

    /** A number that only grows. */
    interface Counter {
        /**
         * Adds to it.
         *
         * @throws IllegalArgumentException when the amount is negative or not finite
         */
        void add(double amount);

        /** Adds one. */
        default void increment() {
            add(1);
        }
    }

    /** A number that goes up and down. */
    interface Gauge {
        /** Gives it a value. */
        void set(double value);

        /** Adds to it; a negative amount makes it smaller. */
        void add(double amount);
    }

    /** Counts values by their size. */
    interface Histogram {
        /**
         * Counts a value.
         *
         * @throws IllegalArgumentException when the value is not a number
         */
        void observe(double value);
    }
}
