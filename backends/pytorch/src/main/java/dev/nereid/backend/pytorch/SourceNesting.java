package dev.nereid.backend.pytorch;

import java.util.OptionalInt;
import java.util.Set;

/**
 * How deep the source in a TorchScript file nests. libtorch reads it with a function that calls itself for each level, on
 * the stack of the thread that loads; some hundreds of levels are the end of a process. The files that libtorch writes have
 * a fraction of that: it gives what makes a long line a name of its own.
 *
 * <p>An operator nests like a bracket: {@code a + b + c} is a sum with a sum in it. So each statement counts the levels of
 * indentation, and on each level of brackets the brackets and operators since the last comma.
 */
final class SourceNesting {
    /** What is allowed; a thread with a stack of 1 MB takes some 400 levels of parentheses. */
    static final int MOST = 200;

    private static final String OPERATORS = "+-*/%@&|^~<>!.=";
    private static final Set<String> WORDS = Set.of("and", "else", "if", "in", "is", "not", "or");
    private static final String TYPES = "# type:";

    private final String source;
    private final int[] counts = new int[MOST + 2];
    private final int[] indents = new int[MOST + 2];
    private int at;
    private int line = 1;
    private int brackets;
    private int blocks;
    private int depth;

    private SourceNesting(String source) {
        this.source = source;
    }

    /** Returns the line at which source goes deeper than {@link #MOST}; empty where it does not. */
    static OptionalInt lineTooDeep(String source) {
        return new SourceNesting(source).scan();
    }

    private OptionalInt scan() {
        indent();
        while (at < source.length()) {
            char next = source.charAt(at);
            if (next == '"' || next == '\'') {
                skipString(next);
            } else if (next == '#' && !source.startsWith(TYPES, at)) {
                at = end(source.indexOf('\n', at));
            } else if (next == '\n') {
                at++;
                line++;
                endLine();
            } else if (Character.isJavaIdentifierStart(next)) {
                word();
            } else {
                at++;
                symbol(next);
            }
            if (depth > MOST) {
                return OptionalInt.of(line);
            }
        }
        return OptionalInt.empty();
    }

    private int end(int found) {
        return found < 0 ? source.length() : found;
    }

    private void skipString(char quote) {
        String three = String.valueOf(quote).repeat(3);
        boolean isLong = source.startsWith(three, at);
        at += isLong ? 3 : 1;
        while (at < source.length()) {
            char next = source.charAt(at);
            if (next == '\\') {
                at += 2;
            } else if (isLong ? source.startsWith(three, at) : next == quote || next == '\n') {
                at += isLong ? 3 : next == quote ? 1 : 0;
                return;
            } else {
                line += next == '\n' ? 1 : 0;
                at++;
            }
        }
    }

    /** Begins a statement, unless brackets or a backslash go on with the last. */
    private void endLine() {
        if (brackets > 0 || (at >= 2 && source.charAt(at - 2) == '\\')) {
            return;
        }
        indent();
    }

    private void indent() {
        int start = at;
        while (at < source.length() && (source.charAt(at) == ' ' || source.charAt(at) == '\t')) {
            at++;
        }
        int width = at - start;
        if (at < source.length() && (source.charAt(at) == '\n' || source.charAt(at) == '#')) {
            // Such lines say nothing of blocks.
            return;
        }
        while (blocks > 0 && indents[blocks] > width) {
            blocks--;
        }
        if (width > indents[blocks]) {
            blocks++;
            indents[blocks] = width;
        }
        counts[0] = 0;
        depth = blocks;
    }

    private void word() {
        int start = at;
        while (at < source.length() && Character.isJavaIdentifierPart(source.charAt(at))) {
            at++;
        }
        if (WORDS.contains(source.substring(start, at))) {
            count();
        }
    }

    private void symbol(char next) {
        switch (next) {
            case '(', '[', '{' -> {
                count();
                brackets++;
                counts[brackets] = 0;
            }
            case ')', ']', '}' -> {
                depth -= counts[brackets];
                counts[brackets] = 0;
                brackets = Math.max(0, brackets - 1);
            }
            case ',' -> {
                depth -= counts[brackets];
                counts[brackets] = 0;
            }
            default -> {
                if (OPERATORS.indexOf(next) >= 0) {
                    count();
                }
            }
        }
    }

    private void count() {
        counts[brackets]++;
        depth++;
    }
}
