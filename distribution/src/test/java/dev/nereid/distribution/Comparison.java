package dev.nereid.distribution;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;
import java.util.zip.InflaterInputStream;

/** Compares an answer with a recorded one, looking past what must differ between two servers. */
final class Comparison {
    private static final String LENGTH = "inference-header-content-length";
    /** Example parameters that the recorded identity backend adds to every answer. */
    private static final Set<String> IDENTITY_PARAMETERS = Set.of("param0", "param1", "param2", "param3");
    private static final Set<String> COUNTERS = Set.of("last_inference", "ns", "count", "inference_count",
            "execution_count", "memory_usage", "response_stats", "batch_stats");

    private Comparison() {
    }

    /** Returns what differs; empty for nothing. */
    static Optional<String> difference(Recording.Answer expected, Recording.Answer actual, String modelDirectory) {
        boolean isClientsJsonMistake = expected.status() == 500 && actual.status() == 400
                && (expected.text().contains("attempt to") || expected.text().contains("parse"));
        if (actual.status() != expected.status() && !isClientsJsonMistake) {
            return Optional.of("status " + actual.status() + ", recorded " + expected.status() + ": " + actual.text());
        }
        if (expected.headers().containsKey(LENGTH) != actual.headers().containsKey(LENGTH)) {
            return Optional.of("header " + LENGTH);
        }
        byte[] want = plain(expected);
        byte[] have = plain(actual);
        if (expected.headers().containsKey(LENGTH)) {
            int wantHead = Integer.parseInt(expected.headers().get(LENGTH));
            int haveHead = Integer.parseInt(actual.headers().get(LENGTH));
            if (!Arrays.equals(want, wantHead, want.length, have, haveHead, have.length)) {
                return Optional.of("binary part");
            }
            want = Arrays.copyOf(want, wantHead);
            have = Arrays.copyOf(have, haveHead);
        }
        String wantText = new String(want, StandardCharsets.UTF_8);
        String haveText = new String(have, StandardCharsets.UTF_8).replace(modelDirectory, "models");
        if (wantText.strip().equals(haveText.strip()) || sameJson(wantText, haveText)) {
            return Optional.empty();
        }
        return Optional.of("body " + haveText + ", recorded " + wantText);
    }

    private static byte[] plain(Recording.Answer answer) {
        String coding = answer.headers().getOrDefault("content-encoding", "");
        try (InputStream in = switch (coding) {
            case "gzip" -> new GZIPInputStream(new ByteArrayInputStream(answer.body()));
            case "deflate" -> new InflaterInputStream(new ByteArrayInputStream(answer.body()));
            default -> new ByteArrayInputStream(answer.body());
        }) {
            return in.readAllBytes();
        } catch (IOException e) {
            return answer.body();
        }
    }

    private static boolean sameJson(String a, String b) {
        boolean areJson = (a.startsWith("{") && b.startsWith("{")) || (a.startsWith("[") && b.startsWith("["));
        return areJson && normal(a).equals(normal(b));
    }

    private static Object normal(String json) {
        return normal(new JsonDocument().parse(json.getBytes(StandardCharsets.UTF_8)), false);
    }

    private static Object normal(JsonValue value, boolean isStatistics) {
        if (value.isObject()) {
            Map<String, Object> members = new TreeMap<>();
            Set<String> names = value.members().stream().map(JsonValue.Member::name).collect(Collectors.toSet());
            for (JsonValue.Member member : value.members()) {
                boolean isExample = member.name().equals("parameters") && member.value().isObject() && member.value()
                        .members().stream().map(JsonValue.Member::name).collect(Collectors.toSet())
                        .containsAll(IDENTITY_PARAMETERS);
                boolean isIdentity = names.contains("extensions") && Set.of("version", "name").contains(member.name());
                if (!isExample && !isIdentity && !(isStatistics && COUNTERS.contains(member.name()))) {
                    members.put(member.name(),
                            normal(member.value(), isStatistics || member.name().equals("model_stats")));
                }
            }
            return members;
        }
        if (value.isArray()) {
            return value.elements().stream().map(element -> normal(element, isStatistics)).toList();
        }
        if (value.isString()) {
            return List.of(value.asString());
        }
        if (value.isNumber()) {
            return value.asDouble();
        }
        return value.isBoolean() ? value.asBoolean() : "null";
    }
}
