package dev.nereid.engine;

import java.util.BitSet;

/** Numbers of processor cores, written as {@code 0-3,8-11}. */
public final class CoreSet {
    private static final int MAX_CORES = 4096;

    private CoreSet() {
    }

    /**
     * Parses ranges.
     *
     * @param allowsSingle whether a number alone is a range too, as the kernel writes it
     * @throws IllegalArgumentException with the part that is none
     */
    public static BitSet parse(String text, boolean allowsSingle) {
        BitSet cores = new BitSet();
        for (String range : text.split(",", -1)) {
            String[] bounds = range.split("-", -1);
            if (bounds.length > 2 || (bounds.length == 1 && !allowsSingle)) {
                throw new IllegalArgumentException(range);
            }
            int lower = core(range, bounds[0]);
            int upper = core(range, bounds[bounds.length - 1]);
            if (lower > upper) {
                throw new IllegalArgumentException(range);
            }
            cores.set(lower, upper + 1);
        }
        return cores;
    }

    private static int core(String range, String text) {
        if (text.isEmpty() || text.length() > 4 || !text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw new IllegalArgumentException(range);
        }
        int core = Integer.parseInt(text);
        if (core >= MAX_CORES) {
            throw new IllegalArgumentException(range);
        }
        return core;
    }
}
