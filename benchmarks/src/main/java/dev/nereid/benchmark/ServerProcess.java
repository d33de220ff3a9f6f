package dev.nereid.benchmark;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A process that answers requests on a port of its own choice: a server, started as a user would, or the handler. */
final class ServerProcess implements Endpoint, AutoCloseable {
    private static final long START_SECONDS = 120;
    private static final Pattern SERVER_PORT = Pattern.compile("Started HTTPService at \\S+:(\\d+)");
    private static final Pattern GRPC_PORT = Pattern.compile("Started GRPCInferenceService at \\S+:(\\d+)");
    private static final Pattern METRICS_PORT = Pattern.compile("Started Metrics Service at \\S+:(\\d+)");
    private static final Pattern HANDLER_PORT = Pattern.compile("listening on port (\\d+)");
    private static final String OPTIONS = "NEREID_JAVA_OPTIONS";

    private final Child child;
    private final int port;
    private final int grpcPort;
    private final int metricsPort;
    private final ServerClient client;

    private ServerProcess(Child child, int port, int grpcPort, int metricsPort) {
        this.child = child;
        this.port = port;
        this.grpcPort = grpcPort;
        this.metricsPort = metricsPort;
        this.client = new ServerClient(port, child::log);
    }

    /**
     * Starts a server by the launcher of a layout and waits until it listens.
     *
     * @param javaOptions further options of its JVM; empty for none
     */
    static ServerProcess server(Children children, Path home, Path repository, String javaOptions, String... flags) {
        List<String> command = new ArrayList<>(List.of(home.resolve("nereid").toString(), "serve",
                "--model-repository=" + repository, "--http-address=127.0.0.1", "--http-port=0",
                "--grpc-address=127.0.0.1",
                "--grpc-port=0", "--metrics-port=0"));
        command.addAll(List.of(flags));
        String inherited = System.getenv().getOrDefault(OPTIONS, "");
        Child child = Child.start("the server", children, command,
                Map.of(OPTIONS, (inherited + " " + javaOptions).strip()));
        int httpPort = port(child, SERVER_PORT);
        int grpcPort = port(child, GRPC_PORT);
        return new ServerProcess(child, httpPort, grpcPort, port(child, METRICS_PORT));
    }

    /** Starts the bare handler. */
    static ServerProcess handler(Children children) {
        Child child = Child.java("the bare handler", children, List.of("-XX:+UseG1GC"), BareHandler.class,
                List.of("0"));
        return new ServerProcess(child, port(child, HANDLER_PORT), 0, 0);
    }

    /** Starts the bare server of gRPC. */
    static ServerProcess grpcHandler(Children children) {
        Child child = Child.java("the bare gRPC server", children, List.of("-XX:+UseG1GC"), BareGrpcServer.class,
                List.of("0"));
        return new ServerProcess(child, 0, port(child, HANDLER_PORT), 0);
    }

    /** Reads on until a line tells a port. */
    private static int port(Child child, Pattern sign) {
        while (true) {
            Matcher matcher = sign.matcher(child.line(START_SECONDS));
            if (matcher.find()) {
                return Integer.parseInt(matcher.group(1));
            }
        }
    }

    @Override
    public int port() {
        return port;
    }

    @Override
    public int grpcPort() {
        return grpcPort;
    }

    long pid() {
        return child.pid();
    }

    /** Returns what asks it. */
    ServerClient client() {
        return client;
    }

    /** Returns what asks a server for its metrics. Whoever asked closes it. */
    ServerClient metricsClient() {
        return new ServerClient(metricsPort, child::log);
    }

    /** Waits until the server is ready. */
    void awaitReady() {
        long deadline = System.nanoTime() + START_SECONDS * 1_000_000_000L;
        while (!client.isOk("/v2/health/ready")) {
            if (System.nanoTime() > deadline) {
                throw new BenchException("the server was not ready in " + START_SECONDS + " s; its last lines:\n"
                        + child.log());
            }
        }
    }

    @Override
    public void close() {
        child.close();
        client.close();
    }
}
