package dev.nereid.tools.perf;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Ends the sequences that the end of a measurement has cut off: the server would keep their places free for long. */
final class SequenceEnd {
    private static final long LIMIT_MILLIS = TimeUnit.SECONDS.toMillis(2);

    private SequenceEnd() {
    }

    /** Sends a last request of each sequence, for as long as there is time. What comes of them is of no interest. */
    static void send(Requests requests, SequencePool pool) {
        List<SequencePlace> ends = pool.end();
        try (RequestConnection connection = requests.connection()) {
            Thread thread = Thread.ofPlatform().daemon().name("perf-sequence-end")
                    .start(() -> send(connection, ends));
            thread.join(LIMIT_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void send(RequestConnection connection, List<SequencePlace> ends) {
        try {
            for (SequencePlace end : ends) {
                var ignored = connection.exchange(0, end, new ResponseTimes());
            }
        } catch (IOException e) {
            // The server is gone, or there was no more time.
        }
    }
}
