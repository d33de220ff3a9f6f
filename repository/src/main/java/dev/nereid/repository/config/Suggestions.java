package dev.nereid.repository.config;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Finds what somebody may have meant with a misspelt name. */
public final class Suggestions {
    private static final int MIN_PREFIX = 4;

    private Suggestions() {
    }

    /** Returns {@code "; did you mean 'x'?"} for the nearest candidate, or nothing where none is near. */
    public static String didYouMean(String misspelt, Collection<String> candidates) {
        return nearest(misspelt, candidates).map(name -> "; did you mean '" + name + "'?").orElse("");
    }

    /**
     * Returns the candidate with the smallest edit distance, if it is at most a third of the name's length; else the only
     * one that begins with the name.
     */
    static Optional<String> nearest(String misspelt, Collection<String> candidates) {
        String wanted = misspelt.toLowerCase(Locale.ROOT);
        int best = Math.max(1, wanted.length() / 3) + 1;
        String nearest = "";
        for (String candidate : candidates) {
            int distance = distance(wanted, candidate.toLowerCase(Locale.ROOT), best);
            if (distance < best) {
                best = distance;
                nearest = candidate;
            }
        }
        if (!nearest.isEmpty()) {
            return Optional.of(nearest);
        }
        List<String> longer = wanted.length() < MIN_PREFIX
                ? List.of()
                : candidates.stream().filter(each -> each.toLowerCase(Locale.ROOT).startsWith(wanted)).toList();
        return longer.size() == 1 ? Optional.of(longer.getFirst()) : Optional.empty();
    }

    /** Returns insertions, deletions, replacements and swaps of neighbours from one to the other, at most {@code limit}. */
    static int distance(String from, String to, int limit) {
        if (Math.abs(from.length() - to.length()) >= limit) {
            return limit;
        }
        int[] beforePrevious = new int[to.length() + 1];
        int[] previous = new int[to.length() + 1];
        int[] current = new int[to.length() + 1];
        for (int j = 0; j <= to.length(); j++) {
            previous[j] = j;
        }
        for (int i = 1; i <= from.length(); i++) {
            current[0] = i;
            for (int j = 1; j <= to.length(); j++) {
                int replaced = previous[j - 1] + (from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1);
                current[j] = Math.min(replaced, Math.min(previous[j], current[j - 1]) + 1);
                if (i > 1 && j > 1 && from.charAt(i - 1) == to.charAt(j - 2)
                        && from.charAt(i - 2) == to.charAt(j - 1)) {
                    current[j] = Math.min(current[j], beforePrevious[j - 2] + 1);
                }
            }
            int[] recycled = beforePrevious;
            beforePrevious = previous;
            previous = current;
            current = recycled;
        }
        return Math.min(previous[to.length()], limit);
    }
}
