package dev.nereid.backend.onnxruntime;

import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Shortens what ONNX Runtime says: its texts hold paths of its build, signatures of C++, and paths of this machine. */
final class OrtErrors {
    private static final Pattern LOADING = Pattern.compile("^Load model from .*? failed:\\s*", Pattern.DOTALL);
    private static final Pattern SOURCE = Pattern.compile("\\S*\\.(?:cc|cpp|h|hpp|cu|inc):\\d+ ?");
    /** What follows a position whose file has no directory: the bare name of a function. */
    private static final Pattern FUNCTION = Pattern.compile("\\G(?:operator\\(\\)|~?[A-Za-z_]\\w*) (?=\\S)");
    /** An error that was handed on begins with its kind. */
    private static final Pattern KIND = Pattern.compile("\\[ONNXRuntimeError\\] : \\d+ : \\w+ : ");
    private static final Pattern CONDITION = Pattern.compile("^.{0,200}? was false\\. (?=\\S)");
    /** Functions of C++, which name themselves and nothing else where a text is no number. */
    private static final Pattern NO_NUMBER = Pattern.compile("\\bsto(?:d|f|i|l|ll|ul|ull|ld)$");
    private static final Pattern SPACE = Pattern.compile("\\s+");

    private OrtErrors() {
    }

    /** Returns the text in one line, without source positions; files are named as seen from the model's directory. */
    static String brief(OrtException error, Path modelDirectory) {
        return brief(error).replace(modelDirectory.toAbsolutePath() + "/", "").replace(modelDirectory + "/", "");
    }

    /** Returns the text in one line, without source positions. */
    static String brief(OrtException error) {
        String text = SPACE.matcher(LOADING.matcher(error.full()).replaceFirst("")).replaceAll(" ").strip();
        text = KIND.matcher(text).replaceAll("");
        StringBuilder brief = new StringBuilder();
        Matcher source = SOURCE.matcher(text);
        int from = 0;
        while (source.find(from)) {
            brief.append(text, from, source.start());
            from = source.group().startsWith("/")
                    ? endOfSignature(text, source.end())
                    : endOfFunction(text, source.end());
            Matcher condition = CONDITION.matcher(text.substring(from));
            if (condition.find()) {
                from += condition.end();
            }
        }
        brief.append(text, from, text.length());
        String told = brief.toString().strip();
        return told.isEmpty() ? "unknown error" : NO_NUMBER.matcher(told).replaceFirst("a text is no number");
    }

    private static int endOfFunction(String text, int begin) {
        Matcher function = FUNCTION.matcher(text);
        return function.find(begin) ? function.end() : begin;
    }

    /** Returns where a signature such as {@code void a::b(int, const c<d>&) const } ends that starts there. */
    private static int endOfSignature(String text, int begin) {
        int open = text.indexOf('(', begin);
        if (open < 0 || text.substring(begin, open).contains(". ")) {
            return begin;
        }
        int depth = 0;
        for (int i = open; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '(') {
                depth++;
            } else if (c == ')' && --depth == 0) {
                int end = i + 1;
                // "(anonymous namespace)" and "operator()" are part of a name.
                if (end < text.length() && (text.startsWith("::", end) || text.charAt(end) == '(')) {
                    return endOfSignature(text, end);
                }
                end += text.startsWith(" const", end) ? " const".length() : 0;
                if (text.startsWith(" [with ", end)) {
                    end = endOfBrackets(text, end + 1);
                }
                return end < text.length() && text.charAt(end) == ' ' ? end + 1 : end;
            }
        }
        return begin;
    }

    private static int endOfBrackets(String text, int begin) {
        int depth = 0;
        for (int i = begin; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '[') {
                depth++;
            } else if (c == ']' && --depth == 0) {
                return i + 1;
            }
        }
        return begin;
    }
}
