package dev.nereid.backend.tensorrt;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** Objects with tables of virtual functions, as C++ on Linux lays them out, seen from the other side. */
@SuppressWarnings("restricted")
final class NativeObjectsTest {
    private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
    private static final int REALLOCATE = 4;
    private static final int NOTIFY_SHAPE = 6;

    @AutoClose
    private final Arena arena = Arena.ofConfined();

    private final List<String> calls = new ArrayList<>();

    void complete(MemorySegment self) {
        calls.add("complete object destructor of " + self.address());
    }

    void deleting(MemorySegment self) {
        calls.add("deleting destructor of " + self.address());
    }

    private MemorySegment stub(String method) throws ReflectiveOperationException {
        return Linker.nativeLinker().upcallStub(
                MethodHandles.lookup().findVirtual(NativeObjectsTest.class, method,
                        MethodType.methodType(void.class, MemorySegment.class)).bindTo(this),
                FunctionDescriptor.ofVoid(ValueLayout.ADDRESS), arena);
    }

    @Test
    void deletesWithTheSecondDestructor() throws Exception {
        MemorySegment table = arena.allocate(WORD, 2);
        table.setAtIndex(WORD, 0, stub("complete").address());
        table.setAtIndex(WORD, 1, stub("deleting").address());
        MemorySegment object = arena.allocate(WORD);
        object.set(WORD, 0, table.address());

        NativeDelete.delete(object.address());

        assertEquals(List.of("deleting destructor of " + object.address()), calls);
    }

    /** Calls a virtual function the way the library does. */
    private static Object call(long object, int slot, FunctionDescriptor type, Object... arguments) throws Throwable {
        MemorySegment self = MemorySegment.ofAddress(object).reinterpret(WORD.byteSize());
        MemorySegment function = MemorySegment.ofAddress(self.get(WORD, 0)).reinterpret((slot + 1) * WORD.byteSize())
                .getAtIndex(ValueLayout.ADDRESS, slot);
        List<Object> all = new ArrayList<>(List.of(self));
        all.addAll(List.of(arguments));
        return Linker.nativeLinker().downcallHandle(function, type).invokeWithArguments(all);
    }

    private Object reallocate(NativeOutputSink sink, long byteSize) throws Throwable {
        return call(sink.address(), REALLOCATE, FunctionDescriptor.of(WORD, ValueLayout.ADDRESS, ValueLayout.ADDRESS,
                WORD, WORD, WORD), arena.allocateFrom("OUT"), 0L, byteSize, 256L);
    }

    @Test
    void outputsAreAllocatedAndTellTheirShape() throws Throwable {
        TrtContext.OutputSink receiver = new TrtContext.OutputSink() {
            @Override
            public long reserve(long byteSize) {
                if (byteSize > 1000) {
                    throw InferenceException.unavailable("too much");
                }
                return 4096 + byteSize;
            }

            @Override
            public void tell(Shape shape) {
                calls.add("shape " + shape);
            }
        };
        try (NativeOutputSink sink = new NativeOutputSink(receiver)) {
            assertEquals(4096L + 24, reallocate(sink, 24));
            assertEquals(0L, reallocate(sink, 1001), "no exception reaches native code");

            // A number of dimensions, and eight of them behind four bytes of padding.
            MemorySegment dims = arena.allocate(WORD, 9);
            dims.set(ValueLayout.JAVA_INT, 0, 2);
            dims.setAtIndex(WORD, 1, 3);
            dims.setAtIndex(WORD, 2, 5);
            Object nothing = call(sink.address(), NOTIFY_SHAPE, FunctionDescriptor.ofVoid(ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS, ValueLayout.ADDRESS), arena.allocateFrom("OUT"), dims);
            assertEquals(null, nothing);
            assertEquals(List.of("shape [3,5]"), calls);
        }
    }
}
