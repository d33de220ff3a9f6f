package dev.nereid.server.grpc;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.server.v2.LoadReport;
import io.grpc.Metadata;
import java.util.Optional;

/**
 * What a call's trailers tell of the load of the model that it asked last, where its client wants to know.
 *
 * <p>Threads: any.
 */
final class LoadTrailers {
    private static final Metadata.Key<String> ASKED_BY = Metadata.Key.of(LoadReport.ASKED_BY,
            Metadata.ASCII_STRING_MARSHALLER);

    private final Optional<String> format;
    private volatile Metadata trailers = new Metadata();

    /** Creates the trailers of a call with those headers. */
    LoadTrailers(Metadata headers) {
        format = Optional.ofNullable(headers.get(ASKED_BY));
    }

    /**
     * Notes the load of a version that is about to get a request of the call.
     *
     * @throws InferenceException INVALID_ARG where the client asks for a format that there is not
     */
    void chosen(Engine engine, ServedVersion version) {
        if (format.isEmpty()) {
            return;
        }
        LoadReport.Format wanted = LoadReport.Format.of(format).orElseThrow();
        LoadReport report = LoadReport.of(engine, version);
        Metadata told = new Metadata();
        switch (wanted) {
            case BIN -> told.put(Metadata.Key.of(wanted.header(), Metadata.BINARY_BYTE_MARSHALLER), report.bytes());
            case TEXT, JSON -> told.put(Metadata.Key.of(wanted.header(), Metadata.ASCII_STRING_MARSHALLER),
                    report.text(wanted));
        }
        trailers = told;
    }

    /** Returns what goes with the end of the call. */
    Metadata atTheEnd() {
        return trailers;
    }
}
