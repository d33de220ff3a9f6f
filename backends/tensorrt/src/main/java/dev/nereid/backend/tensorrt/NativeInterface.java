package dev.nereid.backend.tensorrt;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;

/**
 * An object that TensorRT takes for one of its {@code IVersionedInterface}s, for those that the bindings let nobody
 * implement: a table of functions in the order in which the classes declare their virtual functions. Its memory must
 * outlive TensorRT's use.
 */
@SuppressWarnings("restricted")
final class NativeInterface {
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
    private static final MemoryLayout INFO = MemoryLayout.structLayout(ValueLayout.ADDRESS, ValueLayout.JAVA_INT,
            ValueLayout.JAVA_INT);
    /** Before the functions the ABI has two words on the class, which are zero here. */
    private static final int FIRST = 2;

    private final MemorySegment info;

    private NativeInterface(MemorySegment info) {
        this.info = info;
    }

    /** A virtual function beyond those of every interface. */
    record Function(MethodHandle method, FunctionDescriptor type) {
    }

    /**
     * Returns where TensorRT finds the object.
     *
     * @param kind what TensorRT calls the interface
     * @param functions the interface's own virtual functions, in order
     */
    static MemorySegment create(String kind, List<Function> functions, Arena arena) {
        MemorySegment info = arena.allocate(INFO);
        info.set(ValueLayout.ADDRESS, 0, arena.allocateFrom(kind));
        info.set(ValueLayout.JAVA_INT, 8, 1);
        info.set(ValueLayout.JAVA_INT, 12, 0);
        NativeInterface base = new NativeInterface(info);
        List<Function> all = new ArrayList<>(List.of(
                base.function("language", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS)),
                base.function("info", FunctionDescriptor.of(INFO, ValueLayout.ADDRESS)),
                base.function("destroy", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS)),
                base.function("destroy", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS))));
        all.addAll(functions);
        MemorySegment table = arena.allocate(WORD, FIRST + all.size());
        for (int i = 0; i < all.size(); i++) {
            table.setAtIndex(WORD, FIRST + i, Linker.nativeLinker()
                    .upcallStub(all.get(i).method(), all.get(i).type(), arena).address());
        }
        MemorySegment self = arena.allocate(WORD);
        self.set(WORD, 0, table.address() + FIRST * WORD.byteSize());
        return self;
    }

    private Function function(String name, FunctionDescriptor type) {
        return function(MethodHandles.lookup(), this, name, type);
    }

    /** Returns a method of an object as a function, whose first argument is TensorRT's pointer to the interface. */
    static Function function(MethodHandles.Lookup lookup, Object receiver, String name, FunctionDescriptor type) {
        MethodType methodType = type.toMethodType();
        try {
            return new Function(lookup.findVirtual(receiver.getClass(), name, methodType).bindTo(receiver), type);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    int language(MemorySegment ignored) {
        return 0;
    }

    MemorySegment info(MemorySegment ignored) {
        return info;
    }

    void destroy(MemorySegment ignored) {
        // Java owns the object.
    }
}
