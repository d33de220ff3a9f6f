package dev.nereid.server.listener;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.engine.memory.HeapBudget;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RequestReaderTest {
    /** Returns one whose socket says that it has read so many bytes, and has read none. */
    private static RequestReader reader(int size) {
        ReadableByteChannel channel = new ReadableByteChannel() {
            @Override
            public int read(ByteBuffer target) {
                return size;
            }

            @Override
            public boolean isOpen() {
                return true;
            }

            @Override
            public void close() {
                // There is nothing to close.
            }
        };
        return new RequestReader(new ClientInput(() -> null, channel, new HeapBudget(1 << 20)), () -> false);
    }

    /** A body of 5 GiB, without its bytes. */
    @Test
    void countsABodyThatIsLongerThanAnInt() {
        RequestReader reader = reader(1 << 30);
        ByteBuffer target = ByteBuffer.allocateDirect(1);
        for (int i = 0; i < 5; i++) {
            reader.take(target);
        }

        long told = 0;
        for (int i = 0; i < 3; i++) {
            int length = reader.available();
            assertEquals(1, reader.readBuffer(length).available());
            told += length;
        }
        assertEquals(5L << 30, told);
        assertEquals(0, reader.available());
    }

    @Test
    void toldLessThanWasTakenItSaysSo() {
        RequestReader reader = reader(7);
        reader.take(ByteBuffer.allocateDirect(7));

        assertThrows(IllegalStateException.class, () -> reader.readBuffer(6));
    }
}
