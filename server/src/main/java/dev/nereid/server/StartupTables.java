package dev.nereid.server;

import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.IndexEntry;
import dev.nereid.engine.plugin.BackendStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The tables that the log shows at the start: backends and models, each with its state. */
final class StartupTables {
    private StartupTables() {
    }

    static String render(Engine engine) {
        List<List<String>> backends = new ArrayList<>();
        for (BackendStatus status : engine.backendStatuses()) {
            Map<String, String> settings = new TreeMap<>(status.settings());
            backends.add(List.of(status.name(), status.path(), settings.isEmpty() ? "" : settings.toString(),
                    status.state()));
        }
        List<List<String>> models = new ArrayList<>();
        for (IndexEntry entry : engine.versions()) {
            models.add(List.of(entry.name(),
                    entry.version().isPresent() ? Long.toString(entry.version().getAsLong()) : "-",
                    entry.state().map(Enum::name).orElse("")
                            + (entry.reason().isEmpty() ? "" : ": " + entry.reason().strip())));
        }
        return "\n" + table(List.of("Backend", "Path", "Config", "Status"), backends) + "\n"
                + table(List.of("Model", "Version", "Status"), models);
    }

    /** Returns a table whose columns are as wide as their widest cell. */
    static String table(List<String> head, List<List<String>> rows) {
        int[] widths = new int[head.size()];
        List<List<String>> all = new ArrayList<>();
        all.add(head);
        all.addAll(rows);
        for (List<String> row : all) {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).lines().mapToInt(String::length).max().orElse(0));
            }
        }
        StringBuilder line = new StringBuilder("+");
        for (int width : widths) {
            line.append("-".repeat(width + 2)).append('+');
        }
        line.append('\n');
        StringBuilder text = new StringBuilder(line);
        for (int r = 0; r < all.size(); r++) {
            append(text, all.get(r), widths);
            if (r == 0) {
                text.append(line);
            }
        }
        return text.append(line).toString();
    }

    private static void append(StringBuilder text, List<String> row, int[] widths) {
        List<List<String>> cells = row.stream().map(cell -> cell.lines().toList()).toList();
        int height = Math.max(1, cells.stream().mapToInt(List::size).max().orElse(1));
        for (int l = 0; l < height; l++) {
            text.append('|');
            for (int i = 0; i < widths.length; i++) {
                String cell = l < cells.get(i).size() ? cells.get(i).get(l) : "";
                text.append(' ').append(cell).append(" ".repeat(widths[i] - cell.length() + 1)).append('|');
            }
            text.append('\n');
        }
    }
}
