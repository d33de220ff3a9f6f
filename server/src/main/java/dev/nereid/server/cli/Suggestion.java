package dev.nereid.server.cli;

import java.util.Collection;

/** Finds the name that a misspelt one was probably meant to be. */
public final class Suggestion {
    private Suggestion() {
    }

    /** Returns {@code "; did you mean <prefix><name>?"}, or an empty text where nothing is near. */
    public static String text(String misspelt, Collection<String> names, String prefix) {
        String best = "";
        int bestDistance = Math.max(2, misspelt.length() / 4) + 1;
        for (String name : names) {
            int distance = distance(misspelt, name);
            if (distance < bestDistance) {
                bestDistance = distance;
                best = name;
            }
        }
        return best.isEmpty() ? "" : "; did you mean " + prefix + best + "?";
    }

    private static int distance(String a, String b) {
        int[] previous = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) {
            previous[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int[] current = new int[b.length() + 1];
            current[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                current[j] = Math.min(Math.min(current[j - 1], previous[j]) + 1, previous[j - 1] + change);
            }
            previous = current;
        }
        return previous[b.length()];
    }
}
