package dev.nereid.backend.tensorrt;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import org.bytedeco.tensorrt.nvinfer.INoCopy;

/**
 * Deletes objects of TensorRT, for which the bindings have no way. All of them derive from INoCopy, whose first virtual
 * function is the destructor; so by the ABI of C++ on Linux the second entry of an object's table of virtual functions is
 * what {@code delete} calls.
 */
@SuppressWarnings("restricted")
final class NativeDelete {
    private static final int DELETING_DESTRUCTOR = 1;
    private static final MethodHandle CALL = Linker.nativeLinker()
            .downcallHandle(FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));

    private NativeDelete() {
    }

    /** Deletes the object; to be called once. */
    static void delete(INoCopy object) {
        if (NativeTensorRt.isNothing(object)) {
            return;
        }
        delete(object.address());
        object.setNull();
    }

    /** Deletes the object at that address. */
    static void delete(long address) {
        long slot = ValueLayout.ADDRESS.byteSize();
        MemorySegment self = MemorySegment.ofAddress(address);
        MemorySegment table = self.reinterpret(slot).get(ValueLayout.ADDRESS, 0)
                .reinterpret(slot * (DELETING_DESTRUCTOR + 1));
        MemorySegment destructor = table.getAtIndex(ValueLayout.ADDRESS, DELETING_DESTRUCTOR);
        try {
            CALL.invokeExact(destructor, self);
        } catch (Throwable e) {
            throw new IllegalStateException("a destructor failed", e);
        }
    }
}
