package dev.nereid.benchmark;

import dev.nereid.tools.report.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Measures cases: the yardstick, each server and, where the model computes for long, libtorch alone take turns, in
 * every other round in the opposite order, so that whatever changes on the machine changes for all of them.
 */
final class CaseRunner implements AutoCloseable {
    private static final int WARM_UP_CONNECTIONS = 4;
    private static final int HEAVY_FACTOR = 3;
    private static final long LOOP_PATIENCE_SECONDS = 120;

    private final BenchOptions options;
    private final Children children;
    private final Path models;
    private final Path bodies;
    private final LoadGenerator generator;
    private final Yardstick yardstick;
    /** Sends over gRPC where the other one can't. */
    private @Nullable LoadGenerator grpcGenerator;
    private final Map<String, ServerProcess> servers = new LinkedHashMap<>();
    private final Progress progress;

    private CaseRunner(BenchOptions options, Children children, Path directory, LoadGenerator generator,
            Yardstick yardstick, Progress progress) {
        this.options = options;
        this.children = children;
        this.models = directory.resolve("models");
        this.bodies = directory;
        this.generator = generator;
        this.yardstick = yardstick;
        this.progress = progress;
    }

    /** Starts the processes. The directory holds the models. */
    static CaseRunner start(BenchOptions options, Children children, Path home, Path directory,
            LoadGenerator generator, Progress progress) {
        progress.show("starting the servers");
        Yardstick yardstick = options.against().isPresent()
                ? OtherServer.find(children, options.against().get())
                : BareYardstick.start(children);
        CaseRunner runner = new CaseRunner(options, children, directory, generator, yardstick, progress);
        try {
            for (int i = 0; i < options.javaOptions().size(); i++) {
                ServerProcess server = ServerProcess.server(children, home, runner.models,
                        options.javaOptions().get(i), "--model-control-mode=explicit");
                runner.servers.put(variant(options, i), server);
                server.awaitReady();
            }
            return runner;
        } catch (RuntimeException e) {
            runner.close();
            throw e;
        }
    }

    /** Returns what reports call a server; nothing where there is only one. */
    static String variant(BenchOptions options, int index) {
        return options.javaOptions().size() == 1 ? "" : String.valueOf((char) ('A' + index));
    }

    /** Measures a case at all its numbers of connections. */
    void run(BenchCase benchCase, Consumer<CaseResult> results) {
        progress.show(benchCase.id() + ": loading the model");
        RequestBody body = RequestBody.of(benchCase);
        Path file = write(benchCase, body);
        for (ServerProcess server : servers.values()) {
            double ignored = server.client().load(benchCase.id());
        }
        LoadGenerator.Request toServer = request(benchCase, body, file);
        Yardstick.Target target = yardstick.prepare(benchCase, toServer,
                () -> servers.values().iterator().next().client().infer(benchCase.id(), body));
        Optional<Child> loop = benchCase.isHeavy() ? Optional.of(startLoop(benchCase)) : Optional.empty();
        try {
            List<Side> sides = new ArrayList<>();
            sides.add(new ServerSide(yardstick.name(), "", target));
            // Next to the servers, since a busy machine is another one some seconds later.
            loop.ifPresent(child -> sides.add(new LoopSide(child)));
            servers.forEach((name, server) -> sides.add(side(name, server, toServer)));
            benchCase.step().ifPresent(
                    step -> servers
                            .forEach((name, server) -> sides.add(side(name, server, request(step, body, file)))));
            warmUp(benchCase, sides);
            for (int connections : options.connectionsFor(benchCase)) {
                measure(benchCase, sides, connections).forEach(results);
            }
        } finally {
            loop.ifPresent(Child::close);
        }
        for (ServerProcess server : servers.values()) {
            double ignored = server.client().unload(benchCase.id());
            benchCase.step().ifPresent(step -> server.client().unload(step.id()));
        }
    }

    private ServerSide side(String variant, ServerProcess server, LoadGenerator.Request request) {
        return new ServerSide(("server " + variant).strip(), variant, new Yardstick.Target(server, request,
                Optional.of(new ProcessFigures(children, server.pid())), true));
    }

    private LoadGenerator grpcGenerator() {
        LoadGenerator used = grpcGenerator;
        if (used == null) {
            used = generator.sendsGrpc() ? generator : new PerfGenerator(children);
            grpcGenerator = used;
        }
        return used;
    }

    private Path write(BenchCase benchCase, RequestBody body) {
        Path file = bodies.resolve(benchCase.id() + ".body");
        try {
            Files.write(file, body.bytes());
        } catch (IOException e) {
            throw new BenchException("a request can't be written: " + e.getMessage(), e);
        }
        return file;
    }

    private static LoadGenerator.Request request(BenchCase benchCase, RequestBody body, Path file) {
        return new LoadGenerator.Request("/v2/models/" + benchCase.id() + "/infer", file, body.jsonLength(),
                benchCase.isGrpc());
    }

    private Child startLoop(BenchCase benchCase) {
        List<String> arguments = new ArrayList<>(
                List.of(models.resolve(benchCase.id()).resolve("1").resolve("model.pt").toString()));
        Arrays.stream(benchCase.shape()).forEach(size -> arguments.add(Long.toString(size)));
        return Child.java("libtorch's loop", children, List.of(), TorchLoop.class, arguments);
    }

    private void warmUp(BenchCase benchCase, List<Side> sides) {
        if (options.warmUpSeconds() > 0) {
            if (benchCase.isHeavy()) {
                servers.values().forEach(this::warmUpFrontEnd);
            }
            for (Side side : sides) {
                progress.show(benchCase.id() + ": warming up " + side.name());
                side.turn(WARM_UP_CONNECTIONS, Duration.ZERO, duration(options.warmUpSeconds()));
            }
        }
    }

    /**
     * Makes the JVM compile a server's own code. The few requests that a model answers which computes for long would not,
     * and what is interpreted takes processors from libtorch.
     */
    private void warmUpFrontEnd(ServerProcess server) {
        BenchCase light = BenchCase.IMAGE_BINARY;
        RequestBody body = RequestBody.of(light);
        progress.show(light.id() + ": warming up the server with it");
        double ignored = server.client().load(light.id());
        generator.run(server.port(), request(light, body, write(light, body)), WARM_UP_CONNECTIONS,
                Duration.ZERO, duration(options.warmUpSeconds()));
        ignored = server.client().unload(light.id());
    }

    private List<CaseResult> measure(BenchCase benchCase, List<Side> sides, int connections) {
        Duration measured = duration(options.seconds() * (benchCase.isHeavy() ? HEAVY_FACTOR : 1));
        Duration before = measured.dividedBy(4);
        List<List<Turn>> turns = sides.stream().map(_ -> (List<Turn>) new ArrayList<Turn>()).toList();
        OptionalDouble[] heap = new OptionalDouble[sides.size()];
        Arrays.fill(heap, OptionalDouble.empty());
        for (int round = 0; round < options.rounds(); round++) {
            List<Integer> order = new ArrayList<>(IntStream.range(0, sides.size()).boxed().toList());
            if (round % 2 == 1) {
                Collections.reverse(order);
            }
            boolean isLast = round == options.rounds() - 1;
            for (int i : order) {
                Side side = sides.get(i);
                progress.show(String.format(Locale.ROOT, "%s, %d connections: round %d of %d, %s", benchCase.id(),
                        connections, round + 1, options.rounds(), side.name()));
                Map<String, Double> allocated = isLast ? side.allocatedBytes() : Map.of();
                Turn turn = side.turn(connections, before, measured);
                if (isLast && !allocated.isEmpty() && turn.answered() > 0) {
                    OptionalDouble bytes = ProcessFigures.allocated(allocated, side.allocatedBytes());
                    heap[i] = bytes.isPresent()
                            ? OptionalDouble.of(bytes.getAsDouble() / turn.answered())
                            : OptionalDouble.empty();
                }
                turns.get(i).add(turn);
            }
        }
        progress.clear();
        return results(benchCase, sides, connections, turns.stream().map(Rounds::new).toList(), heap);
    }

    private List<CaseResult> results(BenchCase benchCase, List<Side> sides, int connections, List<Rounds> rounds,
            OptionalDouble[] heap) {
        boolean hasStep = benchCase.step().isPresent();
        int last = hasStep ? sides.size() - servers.size() : sides.size();
        int first = last - servers.size();
        Optional<Rounds> loop = benchCase.isHeavy() ? Optional.of(rounds.get(first - 1)) : Optional.empty();
        List<CaseResult> results = new ArrayList<>();
        for (int i = first; i < last; i++) {
            ServerSide side = (ServerSide) sides.get(i);
            results.add(new CaseResult(benchCase, side.variant(), connections, rounds.get(i), rounds.getFirst(),
                    loop, hasStep ? Optional.of(rounds.get(i + servers.size())) : Optional.empty(),
                    benchCase.isGrpc() ? own(heap[i], heap[0]) : heap[i], side.residentMib(),
                    ((ServerSide) sides.getFirst()).residentMib(), options.against().isPresent()));
        }
        return results;
    }

    /** Returns what a request takes beyond what the yardstick takes, which may be less than nothing; empty where one of them is not known. */
    private static OptionalDouble own(OptionalDouble server, OptionalDouble yardstick) {
        return server.isPresent() && yardstick.isPresent()
                ? OptionalDouble.of(server.getAsDouble() - yardstick.getAsDouble())
                : OptionalDouble.empty();
    }

    private static Duration duration(double seconds) {
        return Duration.ofMillis(Math.round(seconds * 1e3));
    }

    /** Who takes turns. */
    private sealed interface Side {
        String name();

        Turn turn(int connections, Duration before, Duration measured);

        /** Returns what each thread has allocated; nothing where that is not asked for. */
        default Map<String, Double> allocatedBytes() {
            return Map.of();
        }
    }

    /** Whatever answers requests. */
    private final class ServerSide implements Side {
        private final String name;
        private final String variant;
        private final Yardstick.Target target;

        ServerSide(String name, String variant, Yardstick.Target target) {
            this.name = name;
            this.variant = variant;
            this.target = target;
        }

        @Override
        public String name() {
            return name;
        }

        String variant() {
            return variant;
        }

        /** Returns the memory that it has taken; NaN where that is not known. */
        double residentMib() {
            return target.figures().map(ProcessFigures::residentMib).orElse(Double.NaN);
        }

        @Override
        public Turn turn(int connections, Duration before, Duration measured) {
            Optional<Double> cpu = target.figures().map(ProcessFigures::cpuSeconds);
            LoadGenerator.Request request = target.request();
            Turn turn = request.isGrpc()
                    ? grpcGenerator().run(target.endpoint().grpcPort(), request, connections, before, measured)
                    : generator.run(target.endpoint().port(), request, connections, before, measured);
            return cpu.isPresent()
                    ? turn.withCpuSeconds(target.figures().orElseThrow().cpuSeconds() - cpu.get())
                    : turn;
        }

        @Override
        public Map<String, Double> allocatedBytes() {
            return target.isJvm() ? target.figures().map(ProcessFigures::allocatedBytes).orElse(Map.of()) : Map.of();
        }
    }

    /** Libtorch alone, which has no connections. */
    private record LoopSide(Child child) implements Side {
        @Override
        public String name() {
            return "libtorch alone";
        }

        @Override
        public Turn turn(int connections, Duration before, Duration measured) {
            child.tell(Double.toString(measured.toMillis() / 1e3));
            String line = child.line(measured.toSeconds() + LOOP_PATIENCE_SECONDS);
            while (!line.startsWith("ok\t")) {
                // Libraries print what they think of each other.
                line = child.line(measured.toSeconds() + LOOP_PATIENCE_SECONDS);
            }
            return Turn.parse(line);
        }
    }

    @Override
    public void close() {
        servers.values().forEach(ServerProcess::close);
        yardstick.close();
        if (grpcGenerator != null) {
            grpcGenerator.close();
        }
        generator.close();
    }
}
