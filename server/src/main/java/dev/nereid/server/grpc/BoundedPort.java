package dev.nereid.server.grpc;

import dev.nereid.server.listener.ConnectionSlots;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * A port that accepts a connection only where there is a slot for it; until then clients wait in the system's queue.
 * Used by its event loop.
 */
final class BoundedPort extends NioServerSocketChannel {
    private static final long PAUSE_MILLIS = 50;

    private final ConnectionSlots slots;

    BoundedPort(ConnectionSlots slots) {
        this.slots = slots;
    }

    @Override
    protected int doReadMessages(List<Object> accepted) throws Exception {
        if (!slots.tryTake()) {
            pause();
            return 0;
        }
        int count = 0;
        try {
            count = super.doReadMessages(accepted);
            return count;
        } finally {
            if (count == 0) {
                slots.giveBack();
            } else {
                ChannelFuture ignored = ((Channel) accepted.getLast()).closeFuture()
                        .addListener(_ -> slots.giveBack());
            }
        }
    }

    private void pause() {
        config().setAutoRead(false);
        Future<?> ignored = eventLoop().schedule(() -> config().setAutoRead(true), PAUSE_MILLIS,
                TimeUnit.MILLISECONDS);
    }
}
