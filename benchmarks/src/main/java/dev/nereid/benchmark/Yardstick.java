package dev.nereid.benchmark;

import java.net.http.HttpResponse;
import java.util.Optional;
import java.util.function.Supplier;

/** What servers are compared with: it takes turns with them. */
interface Yardstick extends AutoCloseable {
    /**
     * Where the requests of a case go.
     *
     * @param endpoint who answers
     * @param request what is sent
     * @param figures what its process takes; nothing where that is not known
     * @param isJvm whether its heap can be asked for
     */
    record Target(Endpoint endpoint, LoadGenerator.Request request, Optional<ProcessFigures> figures, boolean isJvm) {
    }

    /** Returns how progress and reports name it. */
    String name();

    /**
     * Makes it ready to answer the requests of a case.
     *
     * @param toServer what the server gets
     * @param answer asks a server that has the model, and returns what it answers
     */
    Target prepare(BenchCase benchCase, LoadGenerator.Request toServer, Supplier<HttpResponse<byte[]>> answer);

    @Override
    void close();
}
