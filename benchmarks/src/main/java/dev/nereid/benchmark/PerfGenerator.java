package dev.nereid.benchmark;

import dev.nereid.tools.perf.LoadProcess;
import java.time.Duration;
import java.util.List;

/** The load generator of {@code nereid perf}, which stays warm from turn to turn. */
final class PerfGenerator implements LoadGenerator {
    private static final long PATIENCE_SECONDS = 60;

    private final Child child;

    PerfGenerator(Children children) {
        this.child = Child.java("the load generator", children, List.of("-XX:+UseSerialGC"), LoadProcess.class,
                List.of());
    }

    @Override
    public String name() {
        return "nereid perf";
    }

    @Override
    public boolean sendsGrpc() {
        return true;
    }

    @Override
    public Turn run(int port, Request request, int connections, Duration warmUp, Duration measured) {
        child.tell((request.isGrpc() ? "grpc" : "http") + "\t" + port + "\t" + request.path() + "\t" + request.body()
                + "\t" + request.jsonLength() + "\t"
                + connections + "\t" + warmUp.toMillis() + "\t" + measured.toMillis());
        long patience = warmUp.plus(measured).toSeconds() + PATIENCE_SECONDS;
        String line = child.line(patience);
        while (!line.startsWith("ok\t") && !line.startsWith("error\t")) {
            // Libraries print what they think of each other.
            line = child.line(patience);
        }
        return Turn.parse(line);
    }

    @Override
    public void close() {
        child.close();
    }
}
