package dev.nereid.tools.perf;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/** Requests that are sent over HTTP and answered with server-sent events, one for each response. */
final class EventStreamRequests implements Requests {
    private static final int OK = 200;
    private static final String DATA = "data:";
    private static final String ERROR = DATA + " {\"error\":";

    private final Target target;
    private final List<byte[]> requests;

    EventStreamRequests(Target target, List<byte[]> requests) {
        this.target = target;
        this.requests = List.copyOf(requests);
    }

    @Override
    public int count() {
        return requests.size();
    }

    @Override
    public RequestConnection connection() {
        return new Connection();
    }

    private final class Connection implements RequestConnection {
        private final HttpConnection connection = new HttpConnection(target);

        @Override
        public Optional<String> exchange(int index, SequencePlace place, ResponseTimes times) throws IOException {
            Events events = new Events(times);
            HttpReply reply = connection.exchange(requests.get(index), events);
            if (reply.status() != OK) {
                return Optional.of("the server answered " + HttpApi.errorText(reply));
            }
            return events.error();
        }

        @Override
        public void close() {
            connection.close();
        }
    }

    /** Finds the events in a body: each ends with an empty line. */
    private static final class Events implements HttpReply.BodyWatcher {
        private final ResponseTimes times;
        private int eventStart;
        private int looked;
        private Optional<String> error = Optional.empty();

        Events(ResponseTimes times) {
            this.times = times;
        }

        @Override
        public void grown(byte[] buffer, int start, int end) {
            // Counted from the begin of the body, which a larger buffer may hold by now.
            for (; looked + 1 < end - start; looked++) {
                if (buffer[start + looked] == '\n' && buffer[start + looked + 1] == '\n') {
                    event(buffer, start + eventStart, looked - eventStart);
                    eventStart = looked + 2;
                    looked++;
                }
            }
        }

        private void event(byte[] buffer, int start, int length) {
            String begin = new String(buffer, start, Math.min(length, ERROR.length()), StandardCharsets.UTF_8);
            if (begin.equals(ERROR)) {
                String data = new String(buffer, start, length, StandardCharsets.UTF_8).substring(DATA.length());
                error = Optional.of("an event says " + data.strip());
            } else if (begin.startsWith(DATA)) {
                times.arrived();
            }
        }

        Optional<String> error() {
            return error;
        }
    }
}
