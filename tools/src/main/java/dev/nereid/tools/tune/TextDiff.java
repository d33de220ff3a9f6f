package dev.nereid.tools.tune;

import java.util.ArrayList;
import java.util.List;

/** The difference of two short texts, line by line, with what surrounds it. */
final class TextDiff {
    private static final int CONTEXT = 2;

    private TextDiff() {
    }

    private record Line(char kind, String text) {
    }

    /** Returns the lines that were taken out (-), added (+), and some of those that stay; nothing where all stay. */
    static String of(String before, String after) {
        List<Line> lines = lines(before.lines().toList(), after.lines().toList());
        StringBuilder shown = new StringBuilder();
        boolean isGap = false;
        for (int i = 0; i < lines.size(); i++) {
            if (isNearChange(lines, i)) {
                if (isGap && !shown.isEmpty()) {
                    shown.append("...\n");
                }
                shown.append(lines.get(i).kind()).append(' ').append(lines.get(i).text()).append('\n');
                isGap = false;
            } else {
                isGap = true;
            }
        }
        return shown.toString();
    }

    private static boolean isNearChange(List<Line> lines, int place) {
        for (int i = Math.max(0, place - CONTEXT); i <= Math.min(lines.size() - 1, place + CONTEXT); i++) {
            if (lines.get(i).kind() != ' ') {
                return true;
            }
        }
        return false;
    }

    /** By the longest common subsequence. */
    private static List<Line> lines(List<String> before, List<String> after) {
        int[][] common = new int[before.size() + 1][after.size() + 1];
        for (int i = before.size() - 1; i >= 0; i--) {
            for (int j = after.size() - 1; j >= 0; j--) {
                common[i][j] = before.get(i).equals(after.get(j))
                        ? common[i + 1][j + 1] + 1
                        : Math.max(common[i + 1][j], common[i][j + 1]);
            }
        }
        List<Line> lines = new ArrayList<>();
        int i = 0;
        int j = 0;
        while (i < before.size() || j < after.size()) {
            if (i < before.size() && j < after.size() && before.get(i).equals(after.get(j))) {
                lines.add(new Line(' ', before.get(i++)));
                j++;
            } else if (j == after.size() || (i < before.size() && common[i + 1][j] >= common[i][j + 1])) {
                lines.add(new Line('-', before.get(i++)));
            } else {
                lines.add(new Line('+', after.get(j++)));
            }
        }
        return lines;
    }
}
