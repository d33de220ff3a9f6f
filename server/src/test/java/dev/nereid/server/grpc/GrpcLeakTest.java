package dev.nereid.server.grpc;

import static dev.nereid.server.grpc.ServedModels.MANY;
import static dev.nereid.server.grpc.ServedModels.PLAIN;
import static dev.nereid.server.grpc.ServedModels.number;
import static dev.nereid.server.grpc.ServedModels.request;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.testkit.Eventually;
import io.grpc.CallOptions;
import io.grpc.StatusRuntimeException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Every buffer of the transport is given back, as netty's own detector sees it when it looks at all of them. */
@Timeout(180)
class GrpcLeakTest {
    /** Netty tells leaks to this logger and to nobody else. */
    private static final Logger DETECTOR = Logger.getLogger(ResourceLeakDetector.class.getName());

    private final ConcurrentLinkedQueue<String> leaks = new ConcurrentLinkedQueue<>();
    private final Handler listener = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            leaks.add(entry.getMessage());
        }

        @Override
        public void flush() {
        }

        @Override
        public void close() {
        }
    };
    private final ResourceLeakDetector.Level before = ResourceLeakDetector.getLevel();

    @BeforeEach
    void lookAtEveryBuffer() {
        ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
        DETECTOR.addHandler(listener);
    }

    @AfterEach
    void lookAsBefore() {
        DETECTOR.removeHandler(listener);
        ResourceLeakDetector.setLevel(before);
    }

    /** Lets the detector find what nobody can reach any more: it looks when buffers are allocated. */
    private static void look() {
        System.gc();
        for (int i = 0; i < 200; i++) {
            PooledByteBufAllocator.DEFAULT.directBuffer(64).release();
        }
    }

    private static void lose() {
        ByteBuf lost = PooledByteBufAllocator.DEFAULT.directBuffer(64);
        lost.writeLong(1);
    }

    @Test
    void theDetectorFindsABufferThatIsLost() throws Exception {
        lose();
        Eventually.until("the loss is found", () -> {
            look();
            return !leaks.isEmpty();
        });
    }

    @Test
    void callsThatEndInWhateverWayLoseNothing(@TempDir Path directory) throws Exception {
        SplittableRandom random = new SplittableRandom(1);
        try (ServedModels served = new ServedModels(directory, "--grpc-infer-response-compression-level=low")) {
            for (int i = 0; i < 60; i++) {
                int[] values = new int[random.nextInt(60_000)];
                served.infer(request(PLAIN, "good", values));
                served.infer(request(PLAIN, "small", values), CallOptions.DEFAULT.withCompression("gzip"));
                assertThrows(StatusRuntimeException.class, () -> served.infer(request("no_such", "bad", values)));
                assertThrows(StatusRuntimeException.class,
                        () -> served.infer(request(PLAIN, "late", values).putParameters("hold", number(1)),
                                CallOptions.DEFAULT.withDeadlineAfter(2, TimeUnit.MILLISECONDS)));
                ServedModels.Stream stream = served.stream();
                for (int j = 0; j < 3; j++) {
                    stream.send(request(MANY, "s" + j, values).putParameters("count", number(j)));
                }
                if (i % 2 == 0) {
                    stream.cancel();
                } else {
                    stream.halfClose();
                }
                var ignored = stream.end();
                hostile(served.server().grpcPort(), random);
            }
            assertEquals(0, served.bytesHeld());
        }
        for (int i = 0; i < 10; i++) {
            look();
        }
        assertEquals(List.of(), List.copyOf(leaks));
    }

    /** A client that sends half of a message, and then nonsense, or goes. */
    private static void hostile(int port, SplittableRandom random) throws IOException {
        try (Http2Client client = Http2Client.start(port)) {
            client.queue(Http2Client.HEADERS, Http2Client.END_HEADERS, 1, Http2Client.call("/" + Methods.INFER));
            client.queue(Http2Client.DATA, 0, 1, new byte[]{0, 0, 1, 0, 0, 58, -128, -128, 2, 1, 2, 3});
            if (random.nextBoolean()) {
                byte[] nonsense = new byte[200];
                random.nextBytes(nonsense);
                client.queue(Http2Client.DATA, 8, 1, nonsense);
            }
            client.flush();
        }
    }
}
