package dev.nereid.backend.api.testkit;

import java.util.ArrayList;
import java.util.List;

/** Broken rules, noted from any thread. */
final class Violations {
    private final List<String> texts = new ArrayList<>();

    synchronized void add(String text) {
        texts.add(text);
    }

    /** Notes the violation and returns the error that the caller of the broken rule gets. */
    IllegalStateException refuse(String text) {
        add(text);
        return new IllegalStateException(text);
    }

    synchronized List<String> all() {
        return List.copyOf(texts);
    }

    synchronized List<String> take() {
        List<String> taken = List.copyOf(texts);
        texts.clear();
        return taken;
    }
}
