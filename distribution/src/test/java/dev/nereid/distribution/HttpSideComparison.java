package dev.nereid.distribution;

import dev.nereid.json.JsonValue;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Compares answers over HTTP, streams of events and metrics with those of a session that was recorded for gRPC. */
final class HttpSideComparison {
    private static final String LENGTH = "inference-header-content-length";
    private static final Pattern SAMPLE = Pattern.compile("([^{ ]+)(?:\\{(.*)\\})? (.*)");
    private static final Pattern LABEL = Pattern.compile("\\w+=\"[^\"]*\"");

    private HttpSideComparison() {
    }

    /** Returns what differs; empty for nothing. */
    static Optional<String> difference(RecordedSession.Exchange exchange, Recording.Answer answer, String models) {
        JsonValue recorded = exchange.line().member("answer");
        String text = answer.text().replace(models, "models");
        if (answer.status() != recorded.member("status").asLong()) {
            return Optional.of("status " + answer.status() + " " + text + ", recorded "
                    + recorded.member("status").asLong());
        }
        if (exchange.line().has("select")) {
            List<String> patterns = exchange.line().member("select").elements().stream().map(JsonValue::asString)
                    .toList();
            return equal(samples(text, patterns),
                    recorded.member("lines").elements().stream().map(JsonValue::asString).toList());
        }
        Map<String, String> headers = new TreeMap<>();
        recorded.member("headers").elements().forEach(
                pair -> headers.put(pair.elements().get(0).asString(), pair.elements().get(1).asString()));
        if (headers.containsKey(LENGTH) != answer.headers().containsKey(LENGTH)) {
            return Optional.of("header " + LENGTH);
        }
        byte[] want = Recording.body(recorded);
        byte[] have = headers.containsKey(LENGTH) ? answer.body() : text.getBytes(StandardCharsets.UTF_8);
        if (headers.containsKey(LENGTH)) {
            int wantHead = Integer.parseInt(headers.get(LENGTH));
            int haveHead = Integer.parseInt(answer.headers().get(LENGTH));
            if (!Arrays.equals(want, wantHead, want.length, have, haveHead, have.length)) {
                return Optional.of("binary part");
            }
            want = Arrays.copyOf(want, wantHead);
            have = Arrays.copyOf(have, haveHead);
        }
        return bodies(new String(have, StandardCharsets.UTF_8), new String(want, StandardCharsets.UTF_8),
                exchange.is("counts"));
    }

    private static Optional<String> equal(Object have, Object want) {
        return have.equals(want) ? Optional.empty() : Optional.of(have + ", recorded " + want);
    }

    private static Optional<String> bodies(String have, String want, boolean hasCounts) {
        if (have.strip().equals(want.strip())) {
            return Optional.empty();
        }
        List<Object> haveTrees = trees(have, hasCounts);
        List<Object> wantTrees = trees(want, hasCounts);
        if (haveTrees.isEmpty() || wantTrees.isEmpty()) {
            return equal(have, want);
        }
        if (haveTrees.size() == 1 && wantTrees.size() == 1
                && JsonTree.members(haveTrees.getFirst()).get("error") instanceof String haveText
                && JsonTree.members(wantTrees.getFirst()).get("error") instanceof String wantText
                && GrpcComparison.sameText(haveText, wantText, Optional.empty(), true)) {
            return Optional.empty();
        }
        return equal(haveTrees, wantTrees);
    }

    /** Returns the JSON of a body, or of each of its events; none where it is something else. */
    private static List<Object> trees(String body, boolean hasCounts) {
        boolean isEvents = body.startsWith("data: ");
        if (!isEvents && !body.startsWith("{") && !body.startsWith("[")) {
            return List.of();
        }
        List<String> texts = isEvents
                ? Arrays.stream(body.split("\n\n")).map(event -> event.substring("data: ".length())).toList()
                : List.of(body);
        return texts.stream().map(text -> GrpcComparison.normal(JsonTree.parse(text), hasCounts)).toList();
    }

    /** Returns the samples that match one of the patterns, with their labels in order. */
    private static List<String> samples(String metrics, List<String> patterns) {
        List<Pattern> compiled = patterns.stream().map(Pattern::compile).toList();
        return metrics.lines().filter(line -> !line.startsWith("#"))
                .filter(line -> compiled.stream().anyMatch(pattern -> pattern.matcher(line).find()))
                .map(HttpSideComparison::sample).sorted().toList();
    }

    private static String sample(String line) {
        Matcher parts = SAMPLE.matcher(line);
        if (!parts.matches()) {
            return line;
        }
        String labels = parts.group(2) == null
                ? ""
                : LABEL.matcher(parts.group(2)).results().map(label -> label.group()).sorted()
                        .collect(Collectors.joining(","));
        return parts.group(1) + "{" + labels + "} " + parts.group(3);
    }
}
