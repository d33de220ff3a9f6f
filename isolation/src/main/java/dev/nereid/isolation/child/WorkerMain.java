package dev.nereid.isolation.child;

import dev.nereid.isolation.region.SharedRegion;
import dev.nereid.isolation.wire.Bootstrap;
import dev.nereid.isolation.wire.Connection;
import dev.nereid.isolation.wire.ControlLink;
import dev.nereid.isolation.wire.FrameInput;
import dev.nereid.isolation.wire.FrameOutput;
import dev.nereid.isolation.wire.Hello;
import dev.nereid.isolation.wire.RecordCodec;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;

/**
 * A worker process: backends and models on behalf of a server, which has started it and tells it everything. It ends when
 * the server says so, or when the connection to it does.
 */
public final class WorkerMain {
    private static final int FAILED = 1;

    private WorkerMain() {
    }

    /** Runs until the server is gone. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        Bootstrap bootstrap = RecordCodec.read(Bootstrap.class, new FrameInput(System.in.readAllBytes()));
        WorkerLog.install(bootstrap.isVerbose());
        Thread.setDefaultUncaughtExceptionHandler((thread, e) -> {
            System.getLogger(WorkerMain.class.getName()).log(System.Logger.Level.ERROR,
                    "thread '" + thread.getName() + "' ended", e);
            if (e instanceof OutOfMemoryError) {
                Runtime.getRuntime().halt(FAILED);
            }
        });
        SharedRegion region = SharedRegion.open(Path.of(bootstrap.region()), bootstrap.areaBytes());
        WorkerService service = new WorkerService(bootstrap, region);
        service.serve(ControlLink.start(connect(bootstrap, Hello.CONTROL), "nereid-server", service));
        // All other threads are daemons, so that nothing but the server decides when the process ends.
        new CountDownLatch(1).await();
    }

    /** Connects to the server and says what for. */
    static Connection connect(Bootstrap bootstrap, int lane) throws IOException {
        Connection connection = new Connection(SocketChannel.open(UnixDomainSocketAddress.of(bootstrap.socket())));
        FrameOutput frame = new FrameOutput();
        RecordCodec.write(Hello.class, new Hello(bootstrap.token(), lane), frame);
        connection.send(frame);
        return connection;
    }
}
