package dev.nereid.engine.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class MemoryKeeperTest {
    private static final long MIB = 1 << 20;

    @AutoClose
    private final BufferPool pool = new BufferPool(1024 * MIB, 256 * MIB);
    private final AtomicInteger trims = new AtomicInteger();
    private final AtomicInteger releases = new AtomicInteger();
    @AutoClose
    private final MemoryKeeper keeper = MemoryKeeper.create(pool, trims::incrementAndGet,
            releases::incrementAndGet);

    @Test
    void trimsOnceWhenRequestsHaveEnded() {
        use(MIB);
        keeper.tidy();
        use(MIB);
        keeper.tidy();
        assertEquals(0, trims.get(), "requests are served");

        keeper.tidy();
        assertEquals(0, pool.freeBytes());
        assertEquals(1, trims.get());

        keeper.tidy();
        keeper.tidy();
        assertEquals(1, trims.get(), "nothing has come since");
    }

    @Test
    void trimsWhileRequestsAreServedWhereThatIsWorthIt() {
        List<BufferPool.Buffer> many = IntStream.range(0, 256).mapToObj(_ -> pool.acquire(64 << 10)).toList();
        many.forEach(BufferPool.Buffer::close);
        keeper.tidy();

        use(MIB);
        keeper.tidy();
        assertEquals(1, trims.get(), "the C library has 16 MiB");
        assertEquals(MIB, pool.freeBytes());
    }

    @Test
    void doesNotTrimForWhatTheSystemHasAnyway() {
        use(32 * MIB);
        keeper.tidy();

        use(MIB);
        keeper.tidy();
        assertEquals(0, trims.get());
        assertEquals(MIB, pool.freeBytes());
    }

    @Test
    void trimsOnceAfterTheStart() {
        keeper.tidy();
        keeper.tidy();
        keeper.tidy();

        assertEquals(1, trims.get(), "loading leaves memory behind");
    }

    @Test
    void letsGoOfLibrariesOnceAfterALoadWhetherRequestsAreServedOrNot() {
        use(MIB);
        keeper.tidy();
        assertEquals(0, releases.get(), "nothing was loaded");

        keeper.noteLoad();
        keeper.noteLoad();
        use(MIB);
        keeper.tidy();
        use(MIB);
        keeper.tidy();
        assertEquals(1, releases.get());
    }

    @Test
    void goesOnWhereTheSystemDoesNotTakeMemoryBack() {
        MemoryKeeper failing = MemoryKeeper.create(pool, trims::incrementAndGet, () -> {
            releases.incrementAndGet();
            throw new LinkageError("as was wished");
        });
        try (failing) {
            failing.noteLoad();
            failing.tidyIfPossible();
            failing.noteLoad();
            failing.tidyIfPossible();
        }
        assertEquals(2, releases.get());
    }

    private void use(long bytes) {
        pool.acquire(bytes).close();
    }
}
