package dev.nereid.engine.plugin;

import java.util.AbstractMap;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The settings of a backend, which note what the backend looks at: nobody else knows what a setting means to it, so a
 * name that it never asks for is likely misspelt. Any thread may read.
 */
final class ReadSettings extends AbstractMap<String, String> {
    private final Map<String, String> settings;
    private final Set<String> asked = ConcurrentHashMap.newKeySet();

    ReadSettings(Map<String, String> settings) {
        this.settings = Map.copyOf(settings);
    }

    /** Returns those of the names that the backend has not asked for. */
    Set<String> unread(Collection<String> names) {
        Set<String> unread = new TreeSet<>(names);
        unread.removeAll(asked);
        return unread;
    }

    /** Returns the names that the backend has asked for, whether they were set or not. */
    Set<String> asked() {
        return Set.copyOf(asked);
    }

    @Override
    public @Nullable String get(@Nullable Object key) {
        return containsKey(key) ? settings.get(key) : null;
    }

    @Override
    public boolean containsKey(@Nullable Object key) {
        if (!(key instanceof String name)) {
            return false;
        }
        asked.add(name);
        return settings.containsKey(name);
    }

    /** Who looks at all of them has seen each. */
    @Override
    public Set<Entry<String, String>> entrySet() {
        asked.addAll(settings.keySet());
        return settings.entrySet();
    }
}
