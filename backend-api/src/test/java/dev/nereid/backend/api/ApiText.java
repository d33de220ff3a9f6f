package dev.nereid.backend.api;

import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The public API of some compiled classes as text: one line for each type and each of its members. */
final class ApiText {
    private static final String SUFFIX = ".class";

    private ApiText() {
    }

    /** Returns the lines of all public types below a directory of classes. */
    static SortedSet<String> of(Path classes) throws IOException, ReflectiveOperationException {
        SortedSet<String> lines = new TreeSet<>();
        try (Stream<Path> files = Files.walk(classes)) {
            for (Path file : files.filter(path -> path.toString().endsWith(SUFFIX)).toList()) {
                String name = classes.relativize(file).toString().replace('/', '.').replace('\\', '.');
                if (!name.endsWith("package-info" + SUFFIX)) {
                    add(Class.forName(name.substring(0, name.length() - SUFFIX.length())), lines);
                }
            }
        }
        return lines;
    }

    private static void add(Class<?> type, SortedSet<String> lines) throws IllegalAccessException {
        for (Class<?> each = type; each != null; each = each.getEnclosingClass()) {
            if (!isVisible(each.getModifiers()) || each.isAnonymousClass()) {
                return;
            }
        }
        lines.add(header(type));
        for (Field field : type.getDeclaredFields()) {
            if (isVisible(field)) {
                lines.add(field.toGenericString() + constant(field));
            }
        }
        for (Constructor<?> constructor : type.getDeclaredConstructors()) {
            if (isVisible(constructor)) {
                lines.add(constructor.toGenericString());
            }
        }
        for (Method method : type.getDeclaredMethods()) {
            if (isVisible(method)) {
                lines.add(method.toGenericString());
            }
        }
    }

    private static String header(Class<?> type) {
        String text = type.toGenericString();
        if (type.getGenericSuperclass() != null && type.getSuperclass() != Object.class) {
            text += " extends " + type.getGenericSuperclass().getTypeName();
        }
        if (type.getGenericInterfaces().length > 0) {
            text += " implements "
                    + Arrays.stream(type.getGenericInterfaces()).map(Type::getTypeName)
                            .collect(Collectors.joining(", "));
        }
        Class<?>[] permitted = type.getPermittedSubclasses();
        if (permitted != null) {
            text += " permits " + Arrays.stream(permitted).map(Class::getName).collect(Collectors.joining(", "));
        }
        return text;
    }

    /** Returns the value that javac copies into the classes of a plugin. */
    private static String constant(Field field) throws IllegalAccessException {
        boolean isConstant = Modifier.isStatic(field.getModifiers()) && Modifier.isFinal(field.getModifiers())
                && (field.getType().isPrimitive() || field.getType() == String.class);
        return isConstant ? " = " + field.get(null) : "";
    }

    private static boolean isVisible(Member member) {
        return isVisible(member.getModifiers()) && !member.isSynthetic();
    }

    private static boolean isVisible(int modifiers) {
        return Modifier.isPublic(modifiers) || Modifier.isProtected(modifiers);
    }
}
