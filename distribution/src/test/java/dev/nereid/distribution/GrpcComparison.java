package dev.nereid.distribution;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Compares answers with recorded ones, looking past what must differ between two servers. */
final class GrpcComparison {
    /** Example parameters that the recorded identity backend adds to every answer. */
    private static final Set<String> IDENTITY_PARAMETERS = Set.of("param0", "param1", "param2", "param3");
    private static final Set<String> COUNTERS = Set.of("last_inference", "ns", "count", "inference_count",
            "execution_count", "memory_usage", "response_stats", "batch_stats");
    /** Where the server's own words follow, the reference has its in the log only. */
    private static final String POLL = "failed to poll from model repository";
    /** Names of inputs, which the reference prints in the order of a hash table. */
    private static final Pattern NAMES = Pattern.compile("\\[('[^\\]]*')\\]");

    private GrpcComparison() {
    }

    /** Returns what differs of the answer to a call; empty for nothing. */
    static Optional<String> difference(RecordedSession.Exchange exchange, Map<String, Object> answer) {
        Map<String, Object> recorded = JsonTree.members(JsonTree.of(exchange.line().member("answer")));
        boolean hasCounts = exchange.is("counts");
        if (!Objects.equals(answer.get("status"), recorded.get("status"))) {
            return different(answer, recorded);
        }
        boolean isStream = exchange.kind().equals("stream");
        String text = answer.getOrDefault("message", "").toString();
        String recordedText = recorded.getOrDefault("message", "").toString();
        if (!exchange.is("code_only") && !sameText(text, recordedText, exchange.text("until"), !isStream)) {
            return different(text, recordedText);
        }
        if (!isStream) {
            Object have = normal(answer.getOrDefault("response", Map.of()), hasCounts);
            Object want = normal(recorded.getOrDefault("response", Map.of()), hasCounts);
            return have.equals(want) ? Optional.empty() : different(have, want);
        }
        Object have = messages(answer, exchange);
        Object want = messages(recorded, exchange);
        return have.equals(want) ? Optional.empty() : different(have, want);
    }

    private static Optional<String> different(Object have, Object want) {
        return Optional.of(have + ", recorded " + want);
    }

    /** Returns whether texts say the same. */
    static boolean sameText(String have, String want, Optional<String> until, boolean mayExplainPoll) {
        if (until.isPresent() && have.contains(until.get()) && want.contains(until.get())) {
            return upTo(have, until.get()).equals(upTo(want, until.get()));
        }
        String plain = mayExplainPoll && want.endsWith(POLL) && have.contains(POLL + ": ")
                ? upTo(have, POLL + ": ") + POLL
                : have;
        return sorted(plain).equals(sorted(want));
    }

    private static String upTo(String text, String mark) {
        return text.substring(0, text.indexOf(mark));
    }

    private static String sorted(String text) {
        return NAMES.matcher(text).replaceAll(GrpcComparison::sortedNames);
    }

    private static String sortedNames(MatchResult names) {
        return Arrays.stream(names.group(1).split(",", -1)).sorted().collect(Collectors.joining(",", "[", "]"))
                .replace("\\", "\\\\").replace("$", "\\$");
    }

    private static Object messages(Map<String, Object> answer, RecordedSession.Exchange exchange) {
        List<Object> messages = JsonTree.elements(answer.get("received"));
        if (exchange.is("loose_final")) {
            messages = withoutFinalFlags(messages);
        }
        List<Object> normal = messages.stream().map(each -> normal(each, exchange.is("counts"))).toList();
        if (!exchange.text("order").equals(Optional.of("by_id"))) {
            return normal;
        }
        Map<String, List<Object>> byId = new TreeMap<>();
        normal.forEach(message -> byId.computeIfAbsent(
                JsonTree.members(JsonTree.members(message).get("infer_response")).getOrDefault("id", "").toString(),
                _ -> new ArrayList<>()).add(message));
        return byId;
    }

    /** Where the flag may come with the last response or alone. */
    private static List<Object> withoutFinalFlags(List<Object> messages) {
        List<Object> kept = new ArrayList<>();
        for (Object message : messages) {
            Map<String, Object> response = JsonTree.members(JsonTree.members(message).get("infer_response"));
            if (response.containsKey("parameters")) {
                JsonTree.members(response.get("parameters")).remove("triton_final_response");
            }
            if (JsonTree.members(message).containsKey("error_message") || response.containsKey("outputs")) {
                kept.add(message);
            }
        }
        return kept;
    }

    /** Returns a value without what must differ: times, and counters unless they are what was recorded. */
    static Object normal(Object value, boolean hasCounts) {
        return normal(value, hasCounts, false);
    }

    private static Object normal(Object value, boolean hasCounts, boolean isStatistics) {
        if (value instanceof List<?>) {
            List<Object> elements = JsonTree.elements(value).stream()
                    .map(element -> normal(element, hasCounts, isStatistics)).collect(Collectors.toList());
            boolean isIndex = !elements.isEmpty() && JsonTree.members(elements.getFirst()).containsKey("state");
            if (isStatistics || isIndex) {
                elements.sort(Comparator.comparing(Object::toString));
            }
            return elements;
        }
        return value instanceof Map<?, ?> ? normalMembers(JsonTree.members(value), hasCounts, isStatistics) : value;
    }

    private static Map<String, Object> normalMembers(Map<String, Object> members, boolean hasCounts,
            boolean isStatistics) {
        Map<String, Object> normal = new TreeMap<>();
        boolean hasExamples = members.keySet().containsAll(IDENTITY_PARAMETERS);
        members.forEach((name, value) -> {
            boolean isVolatile = isStatistics && (hasCounts
                    ? name.equals("ns") || name.equals("memory_usage")
                    : COUNTERS.contains(name));
            if (isVolatile || (hasExamples && IDENTITY_PARAMETERS.contains(name))) {
                return;
            }
            if (isStatistics && name.equals("last_inference")) {
                normal.put(name, !value.toString().equals("0") && !value.equals(0.0));
                return;
            }
            Object kept = normal(value, hasCounts, isStatistics || name.equals("model_stats"));
            if (!name.equals("parameters") || !kept.equals(Map.of())) {
                normal.put(name, kept);
            }
        });
        if (normal.containsKey("extensions")) {
            normal.remove("name");
            normal.remove("version");
            normal.put("extensions", sorted(normal.get("extensions")));
        }
        if (normal.get("models") instanceof List<?>) {
            normal.put("models", sorted(normal.get("models")));
        }
        if (normal.containsKey("model_name") && normal.get("outputs") instanceof List<?>) {
            pairOutputs(normal);
        }
        return normal;
    }

    private static List<Object> sorted(Object list) {
        return JsonTree.elements(list).stream().sorted(Comparator.comparing(Object::toString)).toList();
    }

    /** The order of outputs is the backend's; each keeps its content. */
    private static void pairOutputs(Map<String, Object> response) {
        List<Object> outputs = JsonTree.elements(response.get("outputs"));
        List<Object> contents = JsonTree.elements(response.remove("raw_output_contents"));
        List<Object> pairs = new ArrayList<>();
        for (int i = 0; i < Math.max(outputs.size(), contents.size()); i++) {
            pairs.add(List.of(i < outputs.size() ? outputs.get(i) : "none",
                    i < contents.size() ? contents.get(i) : "none"));
        }
        pairs.sort(Comparator.comparing(pair -> JsonTree
                .members(JsonTree.elements(pair).getFirst()).getOrDefault("name", "").toString()));
        response.put("outputs", pairs);
    }
}
