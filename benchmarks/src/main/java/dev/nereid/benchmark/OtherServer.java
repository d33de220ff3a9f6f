package dev.nereid.benchmark;

import java.net.http.HttpResponse;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Supplier;

/** Another server of the same protocol, started by whoever compares, with the models of the benchmark. */
final class OtherServer implements Yardstick {
    private final Children children;
    private final Address address;
    private final ServerClient client;

    /**
     * Where it listens.
     *
     * @param port for HTTP
     * @param grpcPort for gRPC; 0 where it has none
     * @param pid its process; nothing where processor time and memory can't be looked at
     */
    record Address(int port, int grpcPort, OptionalLong pid) implements Endpoint {
    }

    private OtherServer(Children children, Address address) {
        this.children = children;
        this.address = address;
        this.client = new ServerClient(address.port(), () -> "");
    }

    /** Looks whether it is there. */
    static OtherServer find(Children children, Address address) {
        OtherServer server = new OtherServer(children, address);
        try {
            if (!server.client.isOk("/v2/health/live")) {
                throw new BenchException(
                        "what listens at port " + address.port() + " is no live server of this protocol");
            }
            address.pid().ifPresent(pid -> {
                double ignored = new ProcessFigures(children, pid).cpuSeconds();
            });
            return server;
        } catch (RuntimeException e) {
            server.close();
            throw e;
        }
    }

    @Override
    public String name() {
        return "other server";
    }

    @Override
    public Target prepare(BenchCase benchCase, LoadGenerator.Request toServer, Supplier<HttpResponse<byte[]>> answer) {
        benchCase.step().ifPresent(step -> serve(step.id()));
        serve(benchCase.id());
        return new Target(address, toServer, address.pid().isPresent()
                ? Optional.of(new ProcessFigures(children, address.pid().getAsLong()))
                : Optional.empty(), false);
    }

    private void serve(String model) {
        if (client.isModelReady(model)) {
            return;
        }
        try {
            double ignored = client.load(model);
        } catch (BenchException e) {
            throw new BenchException("the other server does not serve the model '" + model + "', and does not load it: "
                    + e.getMessage()
                    + "\nGive it the directory that 'nereid bench --write-models=<directory>' writes as its"
                    + " model repository.", e);
        }
    }

    @Override
    public void close() {
        client.close();
    }
}
