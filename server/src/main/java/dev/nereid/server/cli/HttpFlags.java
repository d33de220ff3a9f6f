package dev.nereid.server.cli;

import dev.nereid.server.http.HttpOptions;

/** The flags of the HTTP listener. */
final class HttpFlags {
    static final String GROUP = "HTTP";
    private static final String CERTIFICATE = "http-tls-cert";
    private static final String KEY = "http-tls-key";
    private static final String MAX_AGE = "http-max-connection-age";
    private static final String CLIENTS = "http-tls-client-ca";

    private HttpFlags() {
    }

    /** Adds the flags to the table. */
    static void add() {
        FlagTable.add("allow-http", Flag.Kind.BOOL, "true", GROUP, "Whether to listen for HTTP.");
        FlagTable.add("http-address", Flag.Kind.TEXT, "0.0.0.0", GROUP, "Address to listen on for HTTP.");
        FlagTable.add("http-port", Flag.Kind.NUMBER, "8000", GROUP, "Port to listen on for HTTP.");
        FlagTable.add("reuse-http-port", Flag.Kind.BOOL, "false", GROUP,
                "Whether other processes may share the HTTP port.");
        FlagTable.add("http-header-forward-pattern", Flag.Kind.TEXT, "", GROUP,
                "Regular expression; matching request headers become request parameters.");
        FlagTable.add("http-thread-count", Flag.Kind.NUMBER, "", GROUP,
                "How many carrier threads run the requests' virtual threads; default is the number of cores.");
        FlagTable.add("http-max-input-size", Flag.Kind.NUMBER, "67108864", GROUP,
                "Largest JSON part, raw body or decompressed body, in bytes.");
        FlagTable.add(MAX_AGE, Flag.Kind.NUMBER, "0", GROUP,
                "Milliseconds after which a connection's next answer is its last; 0 for never.");
        FlagTable.repeatable("http-restricted-api", GROUP,
                "<category>[,<category>...]:<header>=<value>: endpoints that need a header.");
        FlagTable.add(CERTIFICATE, Flag.Kind.TEXT, "", GROUP,
                "PEM file with the server's certificate, followed by those that it was issued with: HTTP then uses TLS.");
        FlagTable.add(KEY, Flag.Kind.TEXT, "", GROUP, "PEM file with its private key.");
        FlagTable.add(CLIENTS, Flag.Kind.TEXT, "", GROUP,
                "PEM file with who issues clients' certificates: clients then need one.");
    }

    /**
     * Returns what the flags say.
     *
     * @throws UsageException when a value is wrong, or flags contradict each other
     */
    static HttpOptions options(CommandLine flags) {
        return new HttpOptions(flags.bool("allow-http"),
                CommandLine.address("http-address", flags.text("http-address")),
                (int) flags.number("http-port", 0, 65535), flags.bool("reuse-http-port"),
                flags.pattern("http-header-forward-pattern"), flags.number("http-max-input-size", 1, Long.MAX_VALUE),
                flags.restrictions("http-restricted-api", "header"),
                flags.tls(CERTIFICATE, KEY, CLIENTS), flags.millisUnlessZero(MAX_AGE));
    }
}
