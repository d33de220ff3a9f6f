package dev.nereid.isolation.wire;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Writes records into frames and reads them again: one component after the other, by its declared type, so that no name of
 * a class ever comes over a connection. Of a sealed interface it is the position among its permitted types that is written.
 * Both sides are the same build of the same program, so there are no versions. Records check themselves when they are made.
 *
 * <p>Threads: any.
 */
public final class RecordCodec {
    private static final Map<Type, Codec> CODECS = new ConcurrentHashMap<>();

    private RecordCodec() {
    }

    /** Writes a value of a type, and reads one. */
    private interface Codec {
        void write(Object value, FrameOutput out);

        Object read(FrameInput in);
    }

    /** Writes a value as one of that type. */
    public static void write(Class<?> type, Object value, FrameOutput out) {
        of(type).write(value, out);
    }

    /**
     * Reads a value of that type, with which the frame ends.
     *
     * @throws WireException when the frame holds something else
     */
    public static <T> T read(Class<T> type, FrameInput in) {
        try {
            T value = type.cast(of(type).read(in));
            in.end();
            return value;
        } catch (InferenceException e) {
            // Of what checks itself.
            throw new WireException("what came is not valid: " + e.getMessage());
        }
    }

    private static Codec of(Type type) {
        Codec known = CODECS.get(type);
        if (known == null) {
            // Two threads may both make one; they are alike.
            known = create(type);
            CODECS.put(type, known);
        }
        return known;
    }

    private static Codec create(Type type) {
        if (type instanceof ParameterizedType generic) {
            return ofContainer(generic);
        }
        Class<?> plain = (Class<?>) type;
        if (plain.isRecord()) {
            return new OfRecord(plain);
        }
        if (plain.isEnum()) {
            return new OfEnum(List.of(plain.getEnumConstants()));
        }
        if (plain.isSealed()) {
            List<Class<?>> types = new ArrayList<>();
            addPermitted(plain, types);
            return new OfSealed(List.copyOf(types));
        }
        return Scalar.of(plain);
    }

    /** Adds the types that a value of a sealed type may have. */
    private static void addPermitted(Class<?> sealed, List<Class<?>> types) {
        for (Class<?> permitted : sealed.getPermittedSubclasses()) {
            if (permitted.isSealed()) {
                addPermitted(permitted, types);
            } else {
                types.add(permitted);
            }
        }
    }

    private static Codec ofContainer(ParameterizedType type) {
        Codec first = of(type.getActualTypeArguments()[0]);
        if (type.getRawType() == List.class) {
            return new OfList(first);
        }
        if (type.getRawType() == Set.class) {
            return new OfSet(first);
        }
        if (type.getRawType() == Optional.class) {
            return new OfOptional(first);
        }
        if (type.getRawType() == Map.class) {
            return new OfMap(first, of(type.getActualTypeArguments()[1]));
        }
        throw new IllegalArgumentException("no codec for " + type);
    }

    /** Types without components. */
    private enum Scalar implements Codec {
        TEXT(String.class) {
            @Override
            public void write(Object value, FrameOutput out) {
                out.text((String) value);
            }

            @Override
            public Object read(FrameInput in) {
                return in.text();
            }
        },
        INT(int.class) {
            @Override
            public void write(Object value, FrameOutput out) {
                out.number((Integer) value);
            }

            @Override
            public Object read(FrameInput in) {
                long value = in.number();
                if (value != (int) value) {
                    throw new WireException("the number " + value + " does not fit");
                }
                return (int) value;
            }
        },
        LONG(long.class) {
            @Override
            public void write(Object value, FrameOutput out) {
                out.number((Long) value);
            }

            @Override
            public Object read(FrameInput in) {
                return in.number();
            }
        },
        BOOLEAN(boolean.class) {
            @Override
            public void write(Object value, FrameOutput out) {
                out.octet((Boolean) value ? 1 : 0);
            }

            @Override
            public Object read(FrameInput in) {
                return in.octet() == 1;
            }
        },
        DOUBLE(double.class) {
            @Override
            public void write(Object value, FrameOutput out) {
                out.number(Double.doubleToRawLongBits((Double) value));
            }

            @Override
            public Object read(FrameInput in) {
                return Double.longBitsToDouble(in.number());
            }
        },
        FLOAT(float.class) {
            @Override
            public void write(Object value, FrameOutput out) {
                out.number(Float.floatToRawIntBits((Float) value));
            }

            @Override
            public Object read(FrameInput in) {
                return Float.intBitsToFloat((int) in.number());
            }
        },
        OPTIONAL_LONG(OptionalLong.class) {
            @Override
            public void write(Object value, FrameOutput out) {
                OptionalLong number = (OptionalLong) value;
                out.octet(number.isPresent() ? 1 : 0);
                number.ifPresent(out::number);
            }

            @Override
            public Object read(FrameInput in) {
                return in.octet() == 1 ? OptionalLong.of(in.number()) : OptionalLong.empty();
            }
        },
        SHAPE(Shape.class) {
            @Override
            public void write(Object value, FrameOutput out) {
                Shape shape = (Shape) value;
                out.number(shape.rank());
                for (int i = 0; i < shape.rank(); i++) {
                    out.number(shape.dimension(i));
                }
            }

            @Override
            public Object read(FrameInput in) {
                return Shape.of(dimensions(in));
            }
        },
        DIMS(Dims.class) {
            @Override
            public void write(Object value, FrameOutput out) {
                Dims dims = (Dims) value;
                out.number(dims.rank());
                for (int i = 0; i < dims.rank(); i++) {
                    out.number(dims.get(i));
                }
            }

            @Override
            public Object read(FrameInput in) {
                return Dims.of(dimensions(in));
            }
        };

        private final Class<?> type;

        Scalar(Class<?> type) {
            this.type = type;
        }

        static Codec of(Class<?> type) {
            Class<?> unboxed = MethodType.methodType(type).unwrap().returnType();
            for (Scalar each : values()) {
                if (each.type == unboxed) {
                    return each;
                }
            }
            throw new IllegalArgumentException("no codec for " + type);
        }

        private static long[] dimensions(FrameInput in) {
            long[] values = new long[in.count(true)];
            for (int i = 0; i < values.length; i++) {
                values[i] = in.number();
            }
            return values;
        }
    }

    private record OfList(Codec element) implements Codec {
        @Override
        public void write(Object value, FrameOutput out) {
            List<?> list = (List<?>) value;
            out.number(list.size());
            list.forEach(each -> element.write(each, out));
        }

        @Override
        public List<Object> read(FrameInput in) {
            int size = in.count(false);
            List<Object> list = new ArrayList<>(Math.min(size, 64));
            for (int i = 0; i < size; i++) {
                list.add(element.read(in));
            }
            return list;
        }
    }

    private record OfSet(Codec element) implements Codec {
        @Override
        public void write(Object value, FrameOutput out) {
            Set<?> set = (Set<?>) value;
            out.number(set.size());
            set.forEach(each -> element.write(each, out));
        }

        @Override
        public Object read(FrameInput in) {
            return new LinkedHashSet<>(new OfList(element).read(in));
        }
    }

    private record OfMap(Codec key, Codec value) implements Codec {
        @Override
        public void write(Object object, FrameOutput out) {
            Map<?, ?> map = (Map<?, ?>) object;
            out.number(map.size());
            map.forEach((name, each) -> {
                key.write(name, out);
                value.write(each, out);
            });
        }

        @Override
        public Object read(FrameInput in) {
            int size = in.count(false);
            Map<Object, Object> map = new LinkedHashMap<>();
            for (int i = 0; i < size; i++) {
                Object name = key.read(in);
                map.put(name, value.read(in));
            }
            return map;
        }
    }

    private record OfOptional(Codec element) implements Codec {
        @Override
        public void write(Object value, FrameOutput out) {
            Optional<?> optional = (Optional<?>) value;
            out.octet(optional.isPresent() ? 1 : 0);
            optional.ifPresent(each -> element.write(each, out));
        }

        @Override
        public Object read(FrameInput in) {
            return in.octet() == 1 ? Optional.of(element.read(in)) : Optional.empty();
        }
    }

    /** Which of several constants, by its place among them: both sides are the same build. */
    private record OfEnum(List<Object> constants) implements Codec {
        @Override
        public void write(Object value, FrameOutput out) {
            out.number(constants.indexOf(value));
        }

        @Override
        public Object read(FrameInput in) {
            long index = in.number();
            if (index < 0 || index >= constants.size()) {
                throw new WireException("there is no constant " + index + " among " + constants.size());
            }
            return constants.get((int) index);
        }
    }

    /** One of several types, each with its own codec, which is looked up late: types may hold one another. */
    private record OfSealed(List<Class<?>> types) implements Codec {
        @Override
        public void write(Object value, FrameOutput out) {
            int index = types.indexOf(value.getClass());
            if (index < 0) {
                throw new IllegalArgumentException("no codec for " + value.getClass());
            }
            out.number(index);
            of(types.get(index)).write(value, out);
        }

        @Override
        public Object read(FrameInput in) {
            long index = in.number();
            if (index < 0 || index >= types.size()) {
                throw new WireException("there is no type " + index + " among " + types.size());
            }
            return of(types.get((int) index)).read(in);
        }
    }

    /** A record, through its accessors and its constructor. */
    private static final class OfRecord implements Codec {
        private final MethodHandle[] accessors;
        private final Codec[] components;
        private final MethodHandle constructor;

        OfRecord(Class<?> type) {
            RecordComponent[] parts = type.getRecordComponents();
            accessors = new MethodHandle[parts.length];
            components = new Codec[parts.length];
            Class<?>[] types = new Class<?>[parts.length];
            try {
                MethodHandles.Lookup lookup = MethodHandles.privateLookupIn(type, MethodHandles.lookup());
                for (int i = 0; i < parts.length; i++) {
                    types[i] = parts[i].getType();
                    components[i] = of(parts[i].getGenericType());
                    accessors[i] = lookup.unreflect(parts[i].getAccessor())
                            .asType(MethodType.methodType(Object.class, Object.class));
                }
                constructor = lookup.findConstructor(type, MethodType.methodType(void.class, types))
                        .asSpreader(Object[].class, parts.length)
                        .asType(MethodType.methodType(Object.class, Object[].class));
            } catch (ReflectiveOperationException e) {
                throw new IllegalArgumentException("no codec for " + type, e);
            }
        }

        @Override
        public void write(Object value, FrameOutput out) {
            for (int i = 0; i < accessors.length; i++) {
                components[i].write(call(accessors[i], value), out);
            }
        }

        @Override
        public Object read(FrameInput in) {
            Object[] values = new Object[components.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = components[i].read(in);
            }
            try {
                return Objects.requireNonNull((Object) constructor.invokeExact(values));
            } catch (Throwable e) {
                throw new WireException("what came is not valid: " + e.getMessage());
            }
        }

        private static Object call(MethodHandle accessor, Object value) {
            try {
                return Objects.requireNonNull((Object) accessor.invokeExact(value));
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
