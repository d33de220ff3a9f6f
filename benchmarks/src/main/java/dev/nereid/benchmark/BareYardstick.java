package dev.nereid.benchmark;

import java.net.http.HttpResponse;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A bare handler, which answers what the server has answered, and for gRPC a bare server, which returns what it gets. */
final class BareYardstick implements Yardstick {
    private final Children children;
    private final ServerProcess handler;
    private @Nullable ServerProcess grpcHandler;

    private BareYardstick(Children children) {
        this.children = children;
        this.handler = ServerProcess.handler(children);
    }

    /** Starts the handler; the server for gRPC is started when it is first needed. */
    static BareYardstick start(Children children) {
        return new BareYardstick(children);
    }

    @Override
    public String name() {
        return "bare handler";
    }

    @Override
    public Target prepare(BenchCase benchCase, LoadGenerator.Request toServer, Supplier<HttpResponse<byte[]>> answer) {
        LoadGenerator.Request request = new LoadGenerator.Request(
                "/v2/models/" + (benchCase.isEcho() ? "echo" : "bare") + "/infer", toServer.body(),
                toServer.jsonLength(),
                benchCase.isGrpc());
        if (benchCase.isGrpc()) {
            ServerProcess process = grpcHandler();
            return new Target(process, request, Optional.of(new ProcessFigures(children, process.pid())), true);
        }
        HttpResponse<byte[]> expected = answer.get();
        handler.client().put("/v2/models/bare/answer", expected.body(),
                expected.headers().firstValue(ServerClient.JSON_LENGTH).orElse(""));
        return new Target(handler, request, Optional.of(new ProcessFigures(children, handler.pid())), false);
    }

    private ServerProcess grpcHandler() {
        ServerProcess process = grpcHandler;
        if (process == null) {
            process = ServerProcess.grpcHandler(children);
            grpcHandler = process;
        }
        return process;
    }

    @Override
    public void close() {
        handler.close();
        if (grpcHandler != null) {
            grpcHandler.close();
        }
    }
}
