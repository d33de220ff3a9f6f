package dev.nereid.backend.crash;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;

/** A way for a process to end, or to be of no further use. */
@SuppressWarnings("restricted") // misusing it is what it is for
enum Crash {
    /** Calls abort, as libraries do that find themselves in a state which can't be. */
    ABORT {
        @Override
        void happen() {
            Linker linker = Linker.nativeLinker();
            try {
                linker.downcallHandle(linker.defaultLookup().findOrThrow("abort"), FunctionDescriptor.ofVoid())
                        .invokeExact();
            } catch (Throwable e) {
                throw new IllegalStateException(e);
            }
        }
    },
    /** Writes to where no memory is. */
    NULL {
        @Override
        void happen() {
            MemorySegment.ofAddress(0).reinterpret(8).set(ValueLayout.JAVA_LONG, 0, 1);
        }
    },
    /** Fills the heap. */
    MEMORY {
        @Override
        void happen() {
            List<byte[]> all = new ArrayList<>();
            while (all.size() < Integer.MAX_VALUE) {
                all.add(new byte[1 << 20]);
            }
        }
    },
    /** Never returns. */
    HANG {
        @Override
        void happen() {
            CountDownLatch never = new CountDownLatch(1);
            while (never.getCount() > 0) {
                try {
                    never.await();
                } catch (InterruptedException e) {
                    // Not even this ends it.
                }
            }
        }
    },
    /** Exits, as a library may that was written for a program of its own. */
    EXIT {
        @Override
        void happen() {
            Runtime.getRuntime().halt(STATUS);
        }
    };

    /** What {@link #EXIT} exits with. */
    static final int STATUS = 7;

    /** Does it. */
    abstract void happen();

    /** Returns the way of that name. */
    static Crash of(String name) {
        for (Crash each : values()) {
            if (each.name().toLowerCase(Locale.ROOT).equals(name)) {
                return each;
            }
        }
        throw InferenceException
                .invalid("parameter 'how' is '" + name + "', expected abort, null, memory, hang or exit");
    }
}
