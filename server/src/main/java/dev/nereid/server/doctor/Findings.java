package dev.nereid.server.doctor;

import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.Diagnosis.Verdict;
import dev.nereid.json.JsonWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** What was found, by group, and what to print of it. */
public final class Findings {
    private static final int WIDTH = 100;

    private final List<Finding> all = new ArrayList<>();

    /**
     * One finding.
     *
     * @param group what it belongs to, such as {@code System} or a backend
     * @param diagnosis what was found
     */
    public record Finding(String group, Diagnosis diagnosis) {
    }

    void add(String group, Diagnosis diagnosis) {
        all.add(new Finding(group, diagnosis));
    }

    /** Returns all findings. */
    public List<Finding> all() {
        return List.copyOf(all);
    }

    /** Returns how many have that verdict. */
    public long count(Verdict verdict) {
        return all.stream().filter(finding -> finding.diagnosis().verdict() == verdict).count();
    }

    /** Returns a table to read. */
    public String text() {
        int width = all.stream().mapToInt(finding -> finding.diagnosis().subject().length()).max().orElse(0);
        StringBuilder text = new StringBuilder();
        String group = "";
        for (Finding finding : all) {
            if (!finding.group().equals(group)) {
                group = finding.group();
                text.append(text.isEmpty() ? "" : "\n").append(group).append('\n');
            }
            Diagnosis diagnosis = finding.diagnosis();
            String left = "  " + mark(diagnosis.verdict()) + "  " + diagnosis.subject()
                    + " ".repeat(width - diagnosis.subject().length() + 2);
            lines(text, left, diagnosis.found());
            if (!diagnosis.advice().isEmpty()) {
                lines(text, " ".repeat(left.length()), "-> " + diagnosis.advice());
            }
        }
        return text.append('\n').append(summary()).append('\n').toString();
    }

    private static String mark(Verdict verdict) {
        return switch (verdict) {
            case OK -> "ok     ";
            case WARNING -> "warning";
            case PROBLEM -> "PROBLEM";
        };
    }

    /** Appends a text in lines of bearable length behind what stands to the left of the first. */
    private static void lines(StringBuilder text, String left, String value) {
        StringBuilder line = new StringBuilder(left);
        boolean isEmpty = true;
        for (String word : value.strip().split("\\s+", -1)) {
            if (!isEmpty && line.length() + word.length() > WIDTH) {
                text.append(line.toString().stripTrailing()).append('\n');
                line.setLength(0);
                line.append(" ".repeat(left.length()));
            }
            line.append(word).append(' ');
            isEmpty = false;
        }
        text.append(line.toString().stripTrailing()).append('\n');
    }

    private String summary() {
        long problems = count(Verdict.PROBLEM);
        long warnings = count(Verdict.WARNING);
        if (problems + warnings == 0) {
            return "All is well.";
        }
        return problems + (problems == 1 ? " problem, " : " problems, ") + warnings
                + (warnings == 1 ? " warning." : " warnings.");
    }

    /** Returns the same as JSON. */
    public String json() {
        JsonWriter json = new JsonWriter();
        json.beginObject().name("problems").integer(count(Verdict.PROBLEM));
        json.name("warnings").integer(count(Verdict.WARNING)).name("findings").beginArray();
        for (Finding finding : all) {
            Diagnosis diagnosis = finding.diagnosis();
            json.beginObject().name("group").string(finding.group()).name("subject").string(diagnosis.subject());
            json.name("found").string(diagnosis.found()).name("verdict").string(diagnosis.verdict().name());
            json.name("advice").string(diagnosis.advice()).endObject();
        }
        json.endArray().endObject();
        return new String(json.toByteArray(), StandardCharsets.UTF_8);
    }
}
