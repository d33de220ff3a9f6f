package dev.nereid.engine.plugin;

import dev.nereid.backend.api.Diagnosis;
import java.util.ArrayList;
import java.util.List;

/** What is found out about a backend. Noted by the thread that examines it, read by another one. */
public final class Examination {
    private final String name;
    private final String path;
    private final List<Diagnosis> notes = new ArrayList<>();
    private String phase = "the loading of its classes";
    private boolean isOver;
    private boolean works = true;

    Examination(String name, String path) {
        this.name = name;
        this.path = path;
    }

    /** Returns the backend's name. */
    public String name() {
        return name;
    }

    /** Returns where it was found. */
    public String path() {
        return path;
    }

    /** Returns whether it starts. */
    public synchronized boolean works() {
        return works;
    }

    /** Returns what was noted, in that order. */
    public synchronized List<Diagnosis> notes() {
        return List.copyOf(notes);
    }

    synchronized String phase() {
        return phase;
    }

    synchronized void phase(String next) {
        phase = next;
    }

    synchronized void add(Diagnosis note) {
        if (!isOver) {
            notes.add(note);
        }
    }

    synchronized void failed(String reason) {
        if (!isOver) {
            works = false;
            notes.add(Diagnosis.problem("start", reason, ""));
        }
    }

    synchronized void end() {
        isOver = true;
    }
}
