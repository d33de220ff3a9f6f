package dev.nereid.tools.perf;

import dev.nereid.server.cli.UsageException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The server to measure.
 *
 * @param host its name or address; an IPv6 address without brackets
 * @param port its port
 * @param headers lines to send with every request, such as {@code Authorization: ...}
 */
record Target(String host, int port, List<String> headers) {
    private static final int MAX_PORT = 65_535;

    Target {
        headers = List.copyOf(headers);
    }

    /**
     * Parses {@code host}, {@code host:port} or {@code [address]:port}, with or without {@code http://} before it.
     *
     * @param defaultPort where there is none
     */
    static Target parse(String url, int defaultPort, List<String> headers) {
        String rest = url.startsWith("http://") ? url.substring("http://".length()) : url;
        rest = rest.endsWith("/") ? rest.substring(0, rest.length() - 1) : rest;
        int bracket = rest.indexOf(']');
        int colon = rest.indexOf(':', Math.max(0, bracket));
        String host = colon < 0 ? rest : rest.substring(0, colon);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        if (host.isBlank() || host.contains("/") || (colon >= 0 && rest.indexOf(':', colon + 1) >= 0)) {
            throw new UsageException("-u has value '" + url + "', expected host:port");
        }
        for (String header : headers) {
            if (header.indexOf(':') < 1 || header.chars().anyMatch(Character::isISOControl)) {
                throw new UsageException("-H has value '" + header + "', expected 'name: value'");
            }
        }
        return new Target(host, colon < 0 ? defaultPort : port(url, rest.substring(colon + 1)), headers);
    }

    private static int port(String url, String text) {
        try {
            int port = Integer.parseInt(text);
            if (port > 0 && port <= MAX_PORT) {
                return port;
            }
        } catch (NumberFormatException e) {
            // Answered below, like a number that is no port.
        }
        throw new UsageException("-u has value '" + url + "', expected a port from 1 to " + MAX_PORT);
    }

    /** Returns the first lines of a request, without the empty one that ends them. */
    String head(String method, String path) {
        StringBuilder head = new StringBuilder(method).append(' ').append(path).append(" HTTP/1.1\r\nHost: ")
                .append(this).append("\r\n");
        headers.forEach(header -> head.append(header).append("\r\n"));
        return head.toString();
    }

    /** Returns the bytes of a request without a body. */
    byte[] get(String path) {
        return (head("GET", path) + "\r\n").getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
        return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port;
    }
}
