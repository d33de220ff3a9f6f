package dev.nereid.engine.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The functions of Linux's C library about libraries and their pages. Threads: any. */
final class LibraryCalls {
    /** {@code RTLD_LAZY | RTLD_NOLOAD}: of a library that is loaded already. */
    private static final int LOADED_ALREADY = 1 | 4;
    /** {@code RTLD_DI_LINKMAP} of {@code dlinfo}. */
    private static final int LINK_MAP = 2;
    /** {@code MADV_DONTNEED}. */
    private static final int DO_NOT_NEED = 4;
    private static final FunctionDescriptor OPEN = FunctionDescriptor.of(ValueLayout.ADDRESS, ValueLayout.ADDRESS,
            ValueLayout.JAVA_INT);
    private static final FunctionDescriptor CLOSE = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS);
    private static final FunctionDescriptor INFO = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS,
            ValueLayout.JAVA_INT, ValueLayout.ADDRESS);
    private static final FunctionDescriptor ADVISE = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT);

    private final MethodHandle open;
    private final MethodHandle close;
    private final MethodHandle info;
    private final MethodHandle advise;

    private LibraryCalls(MethodHandle open, MethodHandle close, MethodHandle info, MethodHandle advise) {
        this.open = open;
        this.close = close;
        this.info = info;
        this.advise = advise;
    }

    /** Returns them where all are there. */
    static Optional<LibraryCalls> find() {
        if (!System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("linux")) {
            return Optional.empty();
        }
        return find("dlopen", OPEN).flatMap(open -> find("dlclose", CLOSE).flatMap(close -> find("dlinfo", INFO)
                .flatMap(info -> find("madvise", ADVISE).map(advise -> new LibraryCalls(open, close, info, advise)))));
    }

    @SuppressWarnings("restricted") // functions of the C library, with their types
    private static Optional<MethodHandle> find(String name, FunctionDescriptor type) {
        Linker linker = Linker.nativeLinker();
        return linker.defaultLookup().find(name).map(address -> linker.downcallHandle(address, type));
    }

    /** Libraries that stay loaded until this is closed. */
    final class Held implements AutoCloseable {
        private final List<MemorySegment> handles = new ArrayList<>();
        private final Map<String, Long> addresses = new HashMap<>();

        /** Returns where each library that is held begins, by its file. */
        Map<String, Long> addresses() {
            return addresses;
        }

        private void add(String file) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment handle = (MemorySegment) open
                        .invokeExact(arena.allocateFrom(file, StandardCharsets.ISO_8859_1), LOADED_ALREADY);
                if (handle.address() == 0) {
                    return;
                }
                handles.add(handle);
                MemorySegment linkMap = arena.allocate(ValueLayout.ADDRESS);
                if ((int) info.invokeExact(handle, LINK_MAP, linkMap) == 0) {
                    addresses.put(file, address(linkMap.get(ValueLayout.ADDRESS, 0)));
                }
            } catch (Throwable e) {
                throw new IllegalStateException("dlopen or dlinfo can't be called", e);
            }
        }

        /** Returns the first field of a {@code struct link_map}: where the library is. */
        @SuppressWarnings("restricted")
        private static long address(MemorySegment linkMap) {
            return linkMap.reinterpret(Long.BYTES).get(ValueLayout.JAVA_LONG, 0);
        }

        @Override
        public void close() {
            for (MemorySegment handle : handles) {
                try {
                    int ignored = (int) close.invokeExact(handle);
                } catch (Throwable e) {
                    throw new IllegalStateException("dlclose can't be called", e);
                }
            }
        }
    }

    /**
     * Has libraries stay loaded. Waits until those that are being loaded are relocated. What is not loaded, or no longer what
     * lies in the file, is left out.
     *
     * @param files absolute paths, a character for each byte
     */
    Held hold(Collection<String> files) {
        Held held = new Held();
        try {
            files.forEach(held::add);
            return held;
        } catch (RuntimeException e) {
            held.close();
            throw e;
        }
    }

    /** Lets go of pages of files, which whoever reads there again has from the file. Returns false where they are locked. */
    boolean letGo(long address, long bytes) {
        try {
            return (int) advise.invokeExact(address, bytes, DO_NOT_NEED) == 0;
        } catch (Throwable e) {
            throw new IllegalStateException("madvise can't be called", e);
        }
    }
}
