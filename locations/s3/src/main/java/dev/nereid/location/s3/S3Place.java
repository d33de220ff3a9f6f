package dev.nereid.location.s3;

import dev.nereid.backend.api.InferenceException;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Where a repository is: {@code s3://bucket/path} at AWS, or {@code s3://[http://|https://]host:port/bucket/path}.
 *
 * @param endpoint of a server other than AWS
 * @param bucket the bucket
 * @param prefix what names of objects begin with: empty, or a path with a slash at its end
 */
record S3Place(Optional<URI> endpoint, String bucket, String prefix) {
    private static final String SCHEME = "s3://";

    /** Reads a location. Slashes too many mean nothing. */
    static S3Place parse(String location) {
        String rest = location.substring(SCHEME.length());
        String protocol = "";
        for (String each : List.of("http://", "https://")) {
            if (rest.startsWith(each)) {
                protocol = each;
                rest = rest.substring(each.length());
            }
        }
        List<String> elements = Arrays.stream(rest.split("/")).filter(element -> !element.isEmpty()).toList();
        Optional<URI> endpoint = Optional.empty();
        if (!elements.isEmpty() && (!protocol.isEmpty() || elements.getFirst().contains(":"))) {
            endpoint = Optional.of(endpoint(location, (protocol.isEmpty() ? "http://" : protocol)
                    + elements.getFirst()));
            elements = elements.subList(1, elements.size());
        }
        if (elements.isEmpty()) {
            throw InferenceException.invalid("model repository '" + location
                    + "' names no bucket, expected s3://<bucket>/<path> or s3://https://<host>:<port>/<bucket>/<path>");
        }
        String path = String.join("/", elements.subList(1, elements.size()));
        return new S3Place(endpoint, elements.getFirst(), path.isEmpty() ? "" : path + "/");
    }

    private static URI endpoint(String location, String text) {
        try {
            URI uri = URI.create(text);
            if (uri.getHost() != null && uri.getUserInfo() == null) {
                return uri;
            }
        } catch (IllegalArgumentException e) {
            // Told below.
        }
        throw InferenceException.invalid("model repository '" + location + "' has endpoint '" + text
                + "', expected http://<host>:<port> or https://<host>:<port>");
    }
}
