package dev.nereid.repository.config;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.TextFormat;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Turns the text parser's errors into sentences: where, what was found, what was expected, what may have been meant. */
final class SyntaxErrors {
    private static final Pattern UNKNOWN_FIELD = Pattern.compile("^(\\d+):(\\d+):\t([\\w.]+)\\.([^.;]+);?$",
            Pattern.MULTILINE);
    private static final Pattern UNKNOWN_ENUM_VALUE = Pattern
            .compile("Enum type \"([\\w.]+)\" has no value (?:named|with number) \"?([^\"]*?)\"?\\.");
    private static final Pattern INTEGER = Pattern.compile("Couldn't parse integer: .*", Pattern.DOTALL);
    private static final Pattern INTEGER_RANGE = Pattern.compile("out of range for (\\d+-bit \\w+) integer");
    private static final Pattern EXPECTED_SYMBOL = Pattern.compile("Expected \"(.)\"\\.");
    private static final Pattern OVERWRITTEN = Pattern
            .compile("Non-repeated field \"[\\w.]+?\\.(\\w+)\" cannot be overwritten\\.");
    private static final Pattern ONE_OF = Pattern.compile(
            "Field \"[\\w.]+?\\.(\\w+)\" is specified along with field \"[\\w.]+?\\.(\\w+)\", another member .*");

    private SyntaxErrors() {
    }

    /** Describes an error in {@code text}. */
    static String describe(String text, TextFormat.ParseException failure) {
        Optional<String> invisible = InvisibleCharacters.inSyntax(text);
        if (invisible.isPresent()) {
            return invisible.get();
        }
        String message = failure.getMessage() == null ? "malformed text" : failure.getMessage();
        Matcher unknownField = UNKNOWN_FIELD.matcher(message);
        if (unknownField.find()) {
            return at(unknownField.group(1), unknownField.group(2))
                    + unknownField(unknownField.group(3), unknownField.group(4));
        }
        String position = failure.getLine() + ":" + failure.getColumn() + ": ";
        String detail = message.startsWith(position) ? message.substring(position.length()) : message;
        String found = "found " + tokenAt(text, failure.getLine(), failure.getColumn()) + ", expected ";
        return at(Integer.toString(failure.getLine()), Integer.toString(failure.getColumn()))
                + sentence(detail, found);
    }

    private static String at(String line, String column) {
        return "line " + line + ", column " + column + ": ";
    }

    private static String sentence(String detail, String found) {
        Matcher enumValue = UNKNOWN_ENUM_VALUE.matcher(detail);
        if (enumValue.matches()) {
            return unknownEnumValue(enumValue.group(1), enumValue.group(2));
        }
        if (INTEGER.matcher(detail).matches()) {
            if (detail.contains("must be positive")) {
                return found + "an unsigned integer";
            }
            Matcher range = INTEGER_RANGE.matcher(detail);
            return range.find() ? found + "a " + range.group(1) + " integer" : found + "an integer";
        }
        if (detail.startsWith("Couldn't parse number: ")) {
            return found + "a number";
        }
        if (detail.startsWith("Expected \"true\" or \"false\"")) {
            return found + "'true' or 'false'";
        }
        if (detail.equals("Expected string.")) {
            return found + "a string in quotes";
        }
        if (detail.startsWith("Expected identifier.")) {
            return found + "the name of a field";
        }
        Matcher symbol = EXPECTED_SYMBOL.matcher(detail);
        if (symbol.matches()) {
            return found + "'" + symbol.group(1) + "'";
        }
        Matcher overwritten = OVERWRITTEN.matcher(detail);
        if (overwritten.matches()) {
            return "field '" + overwritten.group(1) + "' is given more than once";
        }
        Matcher oneOf = ONE_OF.matcher(detail);
        if (oneOf.matches()) {
            return "field '" + oneOf.group(1) + "' cannot be combined with '" + oneOf.group(2) + "'";
        }
        return Printable.escape(detail);
    }

    /** Names a field that the message does not have. */
    static String unknownField(String messageName, String fieldName) {
        Optional<Descriptor> descriptor = message(messageName);
        String suggestion = descriptor.map(type -> Suggestions.didYouMean(fieldName,
                type.getFields().stream().map(FieldDescriptor::getName).toList())).orElse("");
        String simpleName = messageName.substring(messageName.lastIndexOf('.') + 1);
        return "unknown field '" + Printable.escape(fieldName) + "' in " + simpleName + suggestion;
    }

    private static String unknownEnumValue(String enumName, String found) {
        Optional<EnumDescriptor> descriptor = enumType(enumName);
        return descriptor.map(type -> unknownEnumValue(type, found))
                .orElse("found '" + Printable.escape(found) + "', expected a value of " + enumName);
    }

    /** Names a value that the enum does not have. */
    static String unknownEnumValue(EnumDescriptor type, String found) {
        List<String> names = type.getValues().stream().map(EnumValueDescriptor::getName).toList();
        String suggestion = Suggestions.didYouMean(found, names);
        String expected = suggestion.isEmpty() && names.size() <= 4
                ? "one of " + String.join(", ", names)
                : "a value of " + type.getName();
        return "found '" + Printable.escape(found) + "', expected " + expected + suggestion;
    }

    private static Optional<Descriptor> message(String fullName) {
        return find(ModelConfig.getDescriptor().getFile().getMessageTypes(), fullName);
    }

    private static Optional<Descriptor> find(List<Descriptor> types, String fullName) {
        for (Descriptor type : types) {
            if (type.getFullName().equals(fullName)) {
                return Optional.of(type);
            }
            Optional<Descriptor> nested = find(type.getNestedTypes(), fullName);
            if (nested.isPresent()) {
                return nested;
            }
        }
        return Optional.empty();
    }

    private static Optional<EnumDescriptor> enumType(String fullName) {
        int lastDot = fullName.lastIndexOf('.');
        List<EnumDescriptor> types = message(lastDot < 0 ? "" : fullName.substring(0, lastDot))
                .map(Descriptor::getEnumTypes).orElseGet(() -> ModelConfig.getDescriptor().getFile().getEnumTypes());
        return types.stream().filter(type -> type.getFullName().equals(fullName)).findFirst();
    }

    /** Returns what stands at a position, counted from 1, as a reader would name it. */
    private static String tokenAt(String text, int line, int column) {
        int start = 0;
        for (int i = 1; i < line && start >= 0; i++) {
            start = text.indexOf('\n', start) + 1;
            if (start == 0) {
                return "the end of the file";
            }
        }
        start += column - 1;
        while (start < text.length() && Character.isWhitespace(text.charAt(start))) {
            start++;
        }
        if (start >= text.length()) {
            return "the end of the file";
        }
        char first = text.charAt(start);
        int end = start + 1;
        if (first == '"' || first == '\'') {
            while (end < text.length() && text.charAt(end) != first && text.charAt(end) != '\n') {
                end++;
            }
            end = Math.min(end + 1, text.length());
        } else if (isWord(first)) {
            while (end < text.length() && isWord(text.charAt(end))) {
                end++;
            }
        }
        return "'" + Printable.escape(text.substring(start, end).strip()) + "'";
    }

    private static boolean isWord(char c) {
        return Character.isLetterOrDigit(c) || c == '_' || c == '.' || c == '-' || c == '+';
    }
}
