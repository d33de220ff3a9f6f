package dev.nereid.engine.host;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.BitSet;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** What the kernel lets a thread say about itself. */
final class LinuxThreads {
    private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    private static final Map<Integer, String> REASONS = Map.of(1, "Operation not permitted", 3, "No such process", 14,
            "Bad address", 22, "Invalid argument", 38, "Function not implemented");
    /** Number of the system call {@code set_mempolicy} by architecture; the C library has no function for it. */
    private static final Map<String, Long> SET_MEMPOLICY = Map.of("amd64", 238L, "x86_64", 238L, "aarch64", 237L);
    private static final int MPOL_BIND = 2;
    private static final long THIS_THREAD = 0;
    private static final int MASK_BYTES = 512;

    private LinuxThreads() {
    }

    static boolean isSupported() {
        return System.getProperty("os.name", "").toLowerCase(Locale.ROOT).equals("linux")
                && Linker.nativeLinker().defaultLookup().find("sched_setaffinity").isPresent();
    }

    /** Lets the current thread run on these cores only; returns why it failed, if it did. */
    static Optional<String> setAffinity(BitSet cores) {
        MethodHandle call = function("sched_setaffinity", FunctionDescriptor.of(ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            int result = (int) call.invokeExact(state, (int) THIS_THREAD, (long) MASK_BYTES, mask(arena, cores));
            return result == 0 ? Optional.empty() : Optional.of(reason(state));
        } catch (Throwable e) {
            throw new IllegalStateException("sched_setaffinity failed", e);
        }
    }

    /** Lets the current thread take memory from this node only; returns why it failed, if it did. */
    static Optional<String> bindMemory(int node) {
        Long number = SET_MEMPOLICY.get(System.getProperty("os.arch", ""));
        if (number == null) {
            return Optional.of("not known on this processor architecture");
        }
        MethodHandle call = function("syscall",
                FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT,
                        ValueLayout.ADDRESS, ValueLayout.JAVA_LONG),
                Linker.Option.firstVariadicArg(1));
        BitSet nodes = new BitSet();
        nodes.set(node);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(CALL_STATE);
            long result = (long) call.invokeExact(state, (long) number, MPOL_BIND, mask(arena, nodes),
                    (long) Math.max(64, node + 2));
            return result == 0 ? Optional.empty() : Optional.of(reason(state));
        } catch (Throwable e) {
            throw new IllegalStateException("set_mempolicy failed", e);
        }
    }

    @SuppressWarnings("restricted") // functions of the C library; the one pointer is to a mask of the size that is said
    private static MethodHandle function(String name, FunctionDescriptor type, Linker.Option... options) {
        Linker linker = Linker.nativeLinker();
        Linker.Option[] all = new Linker.Option[options.length + 1];
        all[0] = Linker.Option.captureCallState("errno");
        System.arraycopy(options, 0, all, 1, options.length);
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type, all);
    }

    private static MemorySegment mask(Arena arena, BitSet bits) {
        MemorySegment mask = arena.allocate(MASK_BYTES, Long.BYTES);
        MemorySegment.copy(MemorySegment.ofArray(bits.toByteArray()), 0, mask, 0, bits.toByteArray().length);
        return mask;
    }

    private static String reason(MemorySegment state) {
        int error = (int) ERRNO.get(state, 0L);
        return REASONS.getOrDefault(error, "error " + error);
    }
}
