package dev.nereid.backend.pytorch;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Shortens what libtorch throws: its texts end with a C++ stack and the paths of its build. */
final class TorchErrors {
    private static final Pattern RAISED = Pattern.compile("(?m)^(Exception raised from|frame #\\d+:)");
    private static final Pattern PYTHON_ERROR = Pattern
            .compile("(?m)^\\s*([A-Za-z_.]*(?:Error|Exception|Warning)\\b: .*)$");

    /** Where in libtorch's source a condition did not hold, and which: the text follows, if there is one. */
    private static final Pattern CONDITION = Pattern.compile("\\[enforce fail at [^\\]]*\\] .{0,200}?\\. (?=\\S)"
            + "|\\S.{0,200}? INTERNAL ASSERT FAILED at \"[^\"]*\":\\d+, please report a bug to PyTorch\\. (?=\\S)");

    /** The directories of an absolute path: they lead nowhere for who reads the text. */
    private static final Pattern DIRECTORIES = Pattern.compile("(?<![\\w./])/(?:[^\\s/:'\"]+/)+(?=[^\\s/])");

    private static final String UNKNOWN_OPERATOR = "The model uses an operator that this libtorch does not know; export it"
            + " with the same or an older version of PyTorch, and name libraries of custom operators in the backend"
            + " setting 'op-libraries'.";

    private static final String NO_GPU = "The file asks for a GPU by itself, and libtorch can't use one here; trace the model"
            + " on the CPU, or export it with torch.jit.script.";

    /** Pieces of known texts, and what to do about them. */
    private static final List<Advice> ADVICE = List.of(
            new Advice("Expected all tensors to be on the same device",
                    "The traced file holds constants on another device; trace the model on the device it will run on,"
                            + " or export it with torch.jit.script."),
            new Advice("torchvision::",
                    "The model uses operators of TorchVision, which libtorch does not hold; name a library that"
                            + " registers them in the backend setting 'op-libraries', or export the model without them."),
            new Advice("Unknown builtin op",
                    UNKNOWN_OPERATOR),
            new Advice("Could not find any similar ops",
                    UNKNOWN_OPERATOR),
            new Advice("Unknown type name '__torch__.torch.classes",
                    "The model uses a class of a custom library; name the library in the backend setting"
                            + " 'op-libraries'."),
            new Advice("failed to map segment from shared object",
                    "The temporary directory, which compiled packages are unpacked into, is mounted with noexec; name"
                            + " another with the variable TMPDIR."),
            new Advice("run_func_(",
                    "A compiled package takes only the shapes and datatypes that it was exported with."),
            new Advice("with arguments from the 'CUDA' backend", NO_GPU),
            new Advice("Cannot initialize CUDA without", NO_GPU),
            new Advice("not linked with support for cuda", NO_GPU),
            new Advice("Torch not compiled with CUDA enabled", NO_GPU),
            new Advice("Found no NVIDIA driver", NO_GPU),
            new Advice("No CUDA GPUs are available", NO_GPU));

    private TorchErrors() {
    }

    /** What is known about an error: a piece of its text, and one line that helps. */
    private record Advice(String piece, String text) {
    }

    /** Returns the text without stack and build paths, in one line, with advice where there is some. */
    static String brief(Throwable error) {
        String text = full(error);
        Matcher raised = RAISED.matcher(text);
        String told = raised.find() ? text.substring(0, raised.start()) : text;
        String brief = firstLine(told);
        String cause = lastMatch(PYTHON_ERROR, told);
        brief = CONDITION.matcher(brief).replaceFirst("");
        if (cause != null && !brief.contains(cause)) {
            // The interpreter's first line only says that something failed.
            brief = brief + " " + withoutCondition(cause);
        }
        brief = DIRECTORIES.matcher(brief).replaceAll("");
        for (Advice advice : ADVICE) {
            if (told.contains(advice.piece())) {
                return brief + (brief.endsWith(".") ? " " : ". ") + advice.text();
            }
        }
        return brief;
    }

    private static String withoutCondition(String cause) {
        int kind = cause.indexOf(": ") + 2;
        return cause.substring(0, kind) + CONDITION.matcher(cause.substring(kind)).replaceFirst("");
    }

    /** Returns everything libtorch said, for the log. */
    static String full(Throwable error) {
        String text = error.getMessage();
        return text == null || text.isBlank() ? error.getClass().getSimpleName() : text.strip();
    }

    private static String firstLine(String text) {
        return text.lines().map(String::strip).filter(line -> !line.isEmpty()).findFirst().orElse("unknown error");
    }

    private static @Nullable String lastMatch(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        String last = null;
        while (matcher.find()) {
            last = matcher.group(1).strip();
        }
        return last;
    }
}
