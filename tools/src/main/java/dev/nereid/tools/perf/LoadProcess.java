package dev.nereid.tools.perf;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A load generator in a process of its own that is told what to do line by line, so that it is compiled once and stays
 * warm. A line on the standard input holds {@code http} or {@code grpc}, the port, the path (not looked at for gRPC, where it
 * is always ModelInfer), the file of the body or message, the length of the body's JSON (0 where it is all JSON),
 * connections, milliseconds of warm-up and milliseconds of measurement, with tabs between. The answer is a line {@code ok},
 * requests answered in all, requests measured, failures, nanoseconds measured, then p50, p99 and the maximum of latency in
 * nanoseconds, and what was wrong with the first failure; or {@code error} and a sentence. Ends with its input.
 */
public final class LoadProcess {
    private static final int FIELDS = 8;

    private LoadProcess() {
    }

    /** Runs until the standard input ends. */
    public static void main(String[] arguments) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        run(in, System.out);
    }

    static void run(BufferedReader in, PrintStream out) throws IOException {
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            try {
                out.println(measure(line.split("\t", -1)));
            } catch (IOException | RuntimeException e) {
                out.println("error\t" + String.valueOf(e.getMessage()).replaceAll("\\s+", " "));
            }
            out.flush();
        }
    }

    private static String measure(String[] fields) throws IOException {
        if (fields.length != FIELDS) {
            throw new PerfException("expected " + FIELDS + " fields, got " + fields.length);
        }
        Target target = new Target("127.0.0.1", Integer.parseInt(fields[1]), List.of());
        byte[] body = Files.readAllBytes(Path.of(fields[3]));
        Requests requests = fields[0].equals("grpc")
                ? new GrpcRequests(target, List.of(body), GrpcRequests.Kind.CALLS, false)
                : HttpRequests.of(target, List.of(request(target, fields[2], body, fields[4])), Optional.empty());
        int connections = Integer.parseInt(fields[5]);
        LoadRecorder recorder = new LoadRecorder();
        StopSignal never = new StopSignal();
        Window window;
        try (Load _ = ClosedLoop.start(connections,
                new RequestSender.Job(requests, recorder, Optional.empty()))) {
            never.await(TimeUnit.MILLISECONDS.toNanos(Long.parseLong(fields[6])));
            recorder.take(0, ServerTimes.ZERO);
            long begin = System.nanoTime();
            never.await(TimeUnit.MILLISECONDS.toNanos(Long.parseLong(fields[7])));
            window = recorder.take(System.nanoTime() - begin, ServerTimes.ZERO);
        }
        return String.format(Locale.ROOT, "ok\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s", recorder.answered(), window.requests(),
                window.failures(), window.durationNanos(), window.latencies().getValueAtPercentile(50),
                window.latencies().getValueAtPercentile(99), window.latencies().getMaxValue(),
                recorder.firstFailure().orElse("").replaceAll("\\s+", " "));
    }

    private static byte[] request(Target target, String path, byte[] body, String jsonLength) {
        boolean isJson = jsonLength.equals("0");
        String head = target.head("POST", path) + "Content-Type: "
                + (isJson
                        ? "application/json"
                        : "application/octet-stream\r\nInference-Header-Content-Length: " + jsonLength)
                + "\r\nContent-Length: " + body.length + "\r\n\r\n";
        byte[] headBytes = head.getBytes(StandardCharsets.US_ASCII);
        byte[] request = Arrays.copyOf(headBytes, headBytes.length + body.length);
        System.arraycopy(body, 0, request, headBytes.length, body.length);
        return request;
    }
}
