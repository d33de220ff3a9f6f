package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.ServedVersion;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import java.util.Locale;
import java.util.Optional;

/**
 * What a router is told of the load of the model that it has just sent a request to, in the form of ORCA (Open Request Cost
 * Aggregation).
 *
 * @param utilization busy instances, waiting requests and this one, over instances; may be more than 1
 * @param requestsPerSecond how many requests to the model have ended in a second lately
 */
public record LoadReport(double utilization, double requestsPerSecond) {
    /** The header with which a report is asked for. */
    public static final String ASKED_BY = "endpoint-load-metrics-format";

    /** How a report is written. */
    public enum Format {
        /** {@code TEXT <name>=<number>, ...}. */
        TEXT("endpoint-load-metrics"),
        /** {@code JSON <object>}. */
        JSON("endpoint-load-metrics"),
        /** A message {@code xds.data.orca.v3.OrcaLoadReport}. */
        BIN("endpoint-load-metrics-bin");

        private final String header;

        Format(String header) {
            this.header = header;
        }

        /** Returns the name of the header that holds the report. */
        public String header() {
            return header;
        }

        /**
         * Returns what a client asks for.
         *
         * @param asked the header {@value LoadReport#ASKED_BY}, where there is one
         * @throws InferenceException INVALID_ARG for a format that there is not
         */
        public static Optional<Format> of(Optional<String> asked) {
            return asked.map(text -> switch (text.strip().toLowerCase(Locale.ROOT)) {
                case "text" -> TEXT;
                case "json" -> JSON;
                case "bin" -> BIN;
                default -> throw InferenceException
                        .invalid("header '" + ASKED_BY + "' has value '" + text + "', expected text, json or bin");
            });
        }
    }

    /** Returns the load of a version, with one more request to it. */
    public static LoadReport of(Engine engine, ServedVersion version) {
        return new LoadReport(engine.load(version).utilizationWithOneMore(),
                version.statistics().requestsPerSecond(System.nanoTime()));
    }

    /** Returns the report as the value of a header. */
    public String text(Format format) {
        return switch (format) {
            case TEXT -> "TEXT application_utilization=" + number(utilization) + ", rps_fractional="
                    + number(requestsPerSecond);
            case JSON -> "JSON {\"application_utilization\":" + number(utilization) + ",\"rps_fractional\":"
                    + number(requestsPerSecond) + "}";
            case BIN -> Base64.getEncoder().encodeToString(bytes());
        };
    }

    /** Returns the report as a message of protobuf: fields 6, rps_fractional, and 9, application_utilization. */
    public byte[] bytes() {
        return ByteBuffer.allocate(2 * (1 + Double.BYTES)).order(ByteOrder.LITTLE_ENDIAN).put((byte) (6 << 3 | 1))
                .putDouble(requestsPerSecond).put((byte) (9 << 3 | 1)).putDouble(utilization).array();
    }

    private static String number(double value) {
        return BigDecimal.valueOf(value).setScale(4, RoundingMode.HALF_UP).stripTrailingZeros().toPlainString();
    }
}
