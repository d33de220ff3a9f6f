package dev.nereid.backend.api;

import java.util.Objects;

/**
 * One thing that a backend has looked at on this machine, for {@code nereid doctor}.
 *
 * @param subject what was looked at, such as {@code libtorch}
 * @param found what was found there: a version, a path, a number; empty for nothing
 * @param verdict what to think of it
 * @param advice what to do about it, in one sentence; empty where nothing needs to be done
 */
public record Diagnosis(String subject, String found, Verdict verdict, String advice) {
    /** Checks that nothing is missing. */
    public Diagnosis {
        Objects.requireNonNull(subject);
        Objects.requireNonNull(found);
        Objects.requireNonNull(verdict);
        Objects.requireNonNull(advice);
    }

    /** Returns that something is as it should be. */
    public static Diagnosis ok(String subject, String found) {
        return new Diagnosis(subject, found, Verdict.OK, "");
    }

    /** Returns that something works, but not as well as it could. */
    public static Diagnosis warning(String subject, String found, String advice) {
        return new Diagnosis(subject, found, Verdict.WARNING, advice);
    }

    /** Returns that something keeps the backend from working. */
    public static Diagnosis problem(String subject, String found, String advice) {
        return new Diagnosis(subject, found, Verdict.PROBLEM, advice);
    }

    /** What to think of a finding. */
    public enum Verdict {
        /** As it should be. */
        OK,
        /** It works, but slower or with less than could be had; {@code doctor} still ends with 0. */
        WARNING,
        /** It does not work; {@code doctor} ends with 1. */
        PROBLEM
    }
}
