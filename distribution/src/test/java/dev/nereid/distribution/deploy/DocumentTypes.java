package dev.nereid.distribution.deploy;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What documents of a deployment may hold, as {@code types.txt} lists it. A field that is not listed is a mistake, as is one
 * of another type and one that is missing.
 */
final class DocumentTypes {
    private static final String LIST = "list(";

    /** By name of a type: by name of a field the field's type. */
    private final Map<String, Map<String, String>> types = new LinkedHashMap<>();

    private DocumentTypes() {
    }

    /** Reads the list. */
    static DocumentTypes read() throws IOException {
        DocumentTypes all = new DocumentTypes();
        try (InputStream in = Objects.requireNonNull(DocumentTypes.class.getResourceAsStream("/deploy/types.txt"))) {
            for (String line : new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
                if (line.isBlank() || line.startsWith("#")) {
                    continue;
                }
                int colon = line.indexOf(": ");
                Map<String, String> fields = new LinkedHashMap<>();
                for (String field : line.substring(colon + 2).split(" ", -1)) {
                    fields.put(field.substring(0, field.indexOf('=')), field.substring(field.indexOf('=') + 1));
                }
                all.types.put(line.substring(0, colon), fields);
            }
        }
        return all;
    }

    /** Returns what is wrong with a document, each with its place; nothing where all is well. */
    List<String> mistakes(Map<?, ?> document) {
        List<String> mistakes = new ArrayList<>();
        String type = document.get("apiVersion") + "/" + document.get("kind");
        if (!types.containsKey(type)) {
            return List.of("no document is of the type " + type);
        }
        check(document, type, type, mistakes);
        return mistakes;
    }

    private void check(Object value, String type, String place, List<String> mistakes) {
        if (type.startsWith(LIST)) {
            if (!(value instanceof List<?> list)) {
                mistakes.add(place + " is no list");
                return;
            }
            for (int i = 0; i < list.size(); i++) {
                check(list.get(i), type.substring(LIST.length(), type.length() - 1), place + "[" + i + "]", mistakes);
            }
            return;
        }
        boolean isFine = switch (type) {
            case "any" -> true;
            case "string" -> value instanceof String;
            case "int" -> value instanceof Integer || value instanceof Long;
            case "number" -> value instanceof Number;
            case "bool" -> value instanceof Boolean;
            case "quantity", "port" -> value instanceof String || value instanceof Number;
            case "map" -> value instanceof Map<?, ?> map && map.values().stream().allMatch(String.class::isInstance);
            default -> value instanceof Map<?, ?> map && checkFields(map, type, place, mistakes);
        };
        if (!isFine) {
            mistakes.add(place + " is '" + value + "', expected " + type);
        }
    }

    private boolean checkFields(Map<?, ?> value, String type, String place, List<String> mistakes) {
        Map<String, String> fields = Objects.requireNonNull(types.get(type), type);
        value.forEach((name, field) -> {
            String fieldType = fields.get(String.valueOf(name));
            if (fieldType == null) {
                mistakes.add(place + " has no field " + name);
            } else if (field != null) {
                check(field, fieldType.endsWith("!") ? fieldType.substring(0, fieldType.length() - 1) : fieldType,
                        place + "." + name, mistakes);
            } else {
                mistakes.add(place + "." + name + " has no value");
            }
        });
        fields.forEach((name, fieldType) -> {
            if (fieldType.endsWith("!") && !value.containsKey(name)) {
                mistakes.add(place + " lacks " + name);
            }
        });
        return true;
    }
}
