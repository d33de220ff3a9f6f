package dev.nereid.backend.tensorrt;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * The search for one native library.
 *
 * @param library what it is called
 * @param attempts what was tried, in order; the last one worked where the library was found
 * @param opened the library, where it was found
 */
record LibrarySearch(String library, List<Attempt> attempts, Optional<DynamicLinker.Opened> opened) {
    LibrarySearch {
        attempts = List.copyOf(attempts);
    }

    /**
     * A way to come by a library.
     *
     * @param name what a person calls it
     * @param files where it may lie, best first; asked only when the earlier ways have failed
     */
    record Way(String name, Supplier<List<String>> files) {
    }

    /**
     * What came of a way.
     *
     * @param way what a person calls it
     * @param file the file that was tried last; empty where there was none to try
     * @param error what the linker said; empty where it worked
     */
    record Attempt(String way, String file, String error) {
        @Override
        public String toString() {
            String where = file.isEmpty() ? way : way + " (" + file + ")";
            return error.isEmpty() ? where : where + ": " + error;
        }
    }

    static LibrarySearch of(String library, List<Way> ways, Function<String, DynamicLinker.Opened> linker) {
        List<Attempt> attempts = new ArrayList<>();
        for (Way way : ways) {
            Attempt attempt = new Attempt(way.name(), "", "not there");
            for (String file : way.files().get()) {
                DynamicLinker.Opened opened = linker.apply(file);
                attempt = attempt(way.name(), library, file, opened.error());
                if (opened.isOpen()) {
                    attempts.add(attempt);
                    return new LibrarySearch(library, attempts, Optional.of(opened));
                }
            }
            attempts.add(attempt);
        }
        return new LibrarySearch(library, attempts, Optional.empty());
    }

    /** Leaves out of the linker's words what is said already. */
    private static Attempt attempt(String way, String library, String file, String error) {
        if (!error.startsWith(file + ": ")) {
            return new Attempt(way, file, error);
        }
        boolean isAbsent = error.endsWith("No such file or directory");
        return new Attempt(way, isAbsent && file.equals(library) ? "" : file,
                isAbsent ? "not there" : error.substring(file.length() + 2));
    }

    boolean isFound() {
        return opened.isPresent();
    }

    /** Returns all attempts in one line. */
    String story() {
        return String.join("; ", attempts.stream().map(Attempt::toString).toList());
    }

    /** Returns the way that worked. */
    String found() {
        return attempts.getLast().toString();
    }
}
