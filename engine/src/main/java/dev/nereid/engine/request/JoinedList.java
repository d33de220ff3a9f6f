package dev.nereid.engine.request;

import java.util.AbstractList;
import java.util.List;
import java.util.RandomAccess;

/** A list after another, without a copy of either; both stay as they are. */
final class JoinedList<T> extends AbstractList<T> implements RandomAccess {
    private final List<T> first;
    private final List<T> second;

    JoinedList(List<T> first, List<T> second) {
        this.first = first;
        this.second = second;
    }

    @Override
    public T get(int index) {
        int beyond = index - first.size();
        return beyond < 0 ? first.get(index) : second.get(beyond);
    }

    @Override
    public int size() {
        return first.size() + second.size();
    }
}
