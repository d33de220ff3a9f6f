package dev.nereid.tools.perf;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** Requests that are sent over HTTP and answered once. */
final class HttpRequests implements Requests {
    private static final int OK = 200;

    private final Target target;
    private final List<byte[]> requests;
    private final Optional<Encoding> encoding;
    private final Optional<ResponseCheck> check;

    /** How to write requests that are no two times the same: those of sequences. */
    private record Encoding(RequestEncoder encoder, List<List<InputTensor>> inputs) {
    }

    private HttpRequests(Target target, List<byte[]> requests, Optional<Encoding> encoding,
            Optional<ResponseCheck> check) {
        this.target = target;
        this.requests = List.copyOf(requests);
        this.encoding = encoding;
        this.check = check;
    }

    /** Returns requests that are written once and sent many times. */
    static HttpRequests of(Target target, List<byte[]> requests, Optional<ResponseCheck> check) {
        return new HttpRequests(target, requests, Optional.empty(), check);
    }

    /** Returns requests with those inputs; they are written anew where they belong to sequences. */
    static HttpRequests of(Target target, RequestEncoder encoder, List<List<InputTensor>> inputs, boolean isVerified) {
        return new HttpRequests(target, inputs.stream().map(encoder::encode).toList(),
                Optional.of(new Encoding(encoder, inputs)),
                isVerified ? Optional.of(new ResponseCheck(inputs.size())) : Optional.empty());
    }

    @Override
    public int count() {
        return requests.size();
    }

    @Override
    public RequestConnection connection() {
        return new Connection();
    }

    private byte[] request(int index, SequencePlace place) {
        if (!place.isSequence()) {
            return requests.get(index);
        }
        Encoding used = encoding.orElseThrow();
        return used.encoder().encode(used.inputs().get(index), place);
    }

    private final class Connection implements RequestConnection {
        private final HttpConnection connection = new HttpConnection(target);

        @Override
        public Optional<String> exchange(int index, SequencePlace place, ResponseTimes times) throws IOException {
            HttpReply reply = connection.exchange(request(index, place));
            if (reply.status() != OK) {
                return Optional.of("the server answered " + HttpApi.errorText(reply));
            }
            return check.isPresent() && !check.get().isSame(index, reply)
                    ? Optional.of(ResponseCheck.DIFFERENT)
                    : Optional.empty();
        }

        @Override
        public void close() {
            connection.close();
        }
    }
}
