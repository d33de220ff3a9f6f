package dev.nereid.cache.redis;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Metrics;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.cache.CacheKey;
import dev.nereid.backend.api.cache.ResponseCache;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Keeps responses in a Redis server. A look-up waits for it, for as long as the settings allow; an insertion is left to a
 * thread of the cache's own, and dropped where too much waits for that already. After a failure the server counts as away:
 * nothing is asked of it until it has answered to that thread, which tries once a second. Nothing fails but the start.
 *
 * <p>Threads: any. The monitor guards what waits to be written and is held for moments only.
 */
final class RedisCache implements ResponseCache {
    private static final Logger LOGGER = System.getLogger(RedisCache.class.getName());
    /** Bound on what waits to be written, and on one response. */
    private static final long MAX_WAITING_BYTES = 64L << 20;
    private static final long RETRY_MILLIS = 1000;

    private final RedisSettings settings;
    private final RedisClient client;
    private final Thread writer;
    private final Metrics.Counter hits;
    private final Metrics.Counter misses;
    private final Metrics.Counter skipped;
    private final Metrics.Counter failures;
    private final Metrics.Counter dropped;
    @GuardedBy("this")
    private final ArrayDeque<Write> waiting = new ArrayDeque<>();
    @GuardedBy("this")
    private long waitingBytes;
    private volatile boolean isAway;
    private volatile boolean isClosed;
    private volatile boolean isRefusing;

    @SuppressWarnings("ArrayRecordComponent") // handed on, not compared
    private record Write(byte[] key, byte[] value) {
    }

    private RedisCache(RedisSettings settings, RedisClient client, Metrics metrics) {
        this.settings = settings;
        this.client = client;
        this.hits = lookups(metrics, "hit");
        this.misses = lookups(metrics, "miss");
        this.skipped = lookups(metrics, "skipped");
        this.failures = metrics.counter("nereid_cache_failures_total",
                "Requests to the cache's server that failed or took too long", Map.of());
        this.dropped = metrics.counter("nereid_cache_dropped_insertions_total",
                "Responses that were not kept since the cache's server was away, slow or full", Map.of());
        this.writer = Thread.ofPlatform().name("nereid-cache-redis").daemon(true).unstarted(this::write);
    }

    private static Metrics.Counter lookups(Metrics metrics, String result) {
        return metrics.counter("nereid_cache_lookups_total",
                "Look-ups in the cache's server; skipped ones while it is away", Map.of("result", result));
    }

    /**
     * Connects to the server.
     *
     * @throws InferenceException when it can't be reached, or refuses
     */
    static RedisCache open(RedisSettings settings, Metrics metrics) {
        RedisClient client = connect(settings);
        try {
            String answer = client.ping();
            LOGGER.log(Level.INFO, () -> "redis at " + settings + " answers " + answer);
        } catch (JedisException e) {
            client.close();
            throw new InferenceException(StatusCode.UNAVAILABLE, "Failed to initialize RedisCache: " + settings
                    + " (--cache-config=redis,host and redis,port): " + reason(e), e);
        }
        RedisCache cache = new RedisCache(settings, client, metrics);
        cache.writer.start();
        return cache;
    }

    private static RedisClient connect(RedisSettings settings) {
        DefaultJedisClientConfig.Builder config = DefaultJedisClientConfig.builder()
                .connectionTimeoutMillis(settings.connectMillis()).socketTimeoutMillis(settings.socketMillis())
                .database(settings.database()).clientName("nereid");
        settings.password().ifPresent(password -> config.user(settings.user()).password(password));
        if (settings.isEncrypted()) {
            Encryption.apply(settings, config);
        }
        ConnectionPoolConfig pool = new ConnectionPoolConfig();
        pool.setMaxTotal(settings.connections());
        pool.setMaxIdle(settings.connections());
        pool.setMaxWait(Duration.ofMillis(settings.waitMillis()));
        pool.setJmxEnabled(false);
        return RedisClient.builder().hostAndPort(settings.host(), settings.port()).clientConfig(config.build())
                .poolConfig(pool).build();
    }

    private static String reason(JedisException e) {
        Throwable cause = e;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        if (cause.getSuppressed().length > 0) {
            cause = cause.getSuppressed()[0];
        }
        String text = cause.getMessage();
        return text == null ? cause.getClass().getSimpleName() : text;
    }

    @Override
    public boolean isShared() {
        return true;
    }

    @Override
    public Optional<Entry> get(CacheKey key) {
        if (isAway) {
            skipped.increment();
            return Optional.empty();
        }
        byte @Nullable [] value;
        try {
            value = client.get(name(key));
        } catch (JedisException e) {
            failed("Failed to retrieve key", key.toString(), e);
            misses.increment();
            return Optional.empty();
        }
        if (value == null) {
            misses.increment();
            return Optional.empty();
        }
        try {
            Entry entry = StoredResponse.read(value);
            hits.increment();
            return Optional.of(entry);
        } catch (IllegalArgumentException e) {
            failures.increment();
            misses.increment();
            LOGGER.log(Level.WARNING, () -> "redis at " + settings + ": the value of key " + key + " can't be read: "
                    + e.getMessage());
            return Optional.empty();
        }
    }

    private byte[] name(CacheKey key) {
        return (settings.prefix() + key).getBytes(StandardCharsets.UTF_8);
    }

    /** Has a response written soon. Returns false where that can't be. */
    @Override
    public boolean put(CacheKey key, List<Tensor> outputs) {
        if (isAway || isClosed || !reserve(StoredResponse.size(outputs))) {
            dropped.increment();
            return false;
        }
        Write write = new Write(name(key), StoredResponse.write(outputs));
        synchronized (this) {
            waiting.add(write);
            notifyAll();
        }
        return true;
    }

    private synchronized boolean reserve(long bytes) {
        if (waitingBytes + bytes > MAX_WAITING_BYTES) {
            return false;
        }
        waitingBytes += bytes;
        return true;
    }

    private void write() {
        while (!isClosed) {
            try {
                if (isAway) {
                    drop();
                    Thread.sleep(RETRY_MILLIS);
                    tryAgain();
                } else {
                    Write next = next();
                    if (next != null) {
                        write(next);
                    }
                }
            } catch (InterruptedException e) {
                // Only close() does that.
                return;
            }
        }
    }

    /** Returns what is to be written next; null where the server has gone meanwhile. */
    private synchronized @Nullable Write next() throws InterruptedException {
        while (waiting.isEmpty() && !isAway) {
            wait();
        }
        return isAway ? null : waiting.removeFirst();
    }

    private void write(Write write) {
        try {
            String ignored = client.set(write.key(), write.value());
            isRefusing = false;
        } catch (JedisException e) {
            dropped.increment();
            failed("Failed to insert key", new String(write.key(), StandardCharsets.UTF_8), e);
        } finally {
            synchronized (this) {
                waitingBytes -= write.value().length;
            }
        }
    }

    private synchronized void drop() {
        for (Write write : waiting) {
            waitingBytes -= write.value().length;
            dropped.increment();
        }
        waiting.clear();
    }

    private void tryAgain() {
        try {
            // Connections of before may be of a server that is gone.
            client.getPool().clear();
            String ignored = client.ping();
            isAway = false;
            LOGGER.log(Level.INFO, () -> "redis at " + settings + " is back");
        } catch (JedisException e) {
            LOGGER.log(Level.DEBUG, () -> "redis at " + settings + " is still away: " + reason(e));
        }
    }

    /** Counts and tells a failure. One that the server answers with, as when it is full, leaves it there to be asked. */
    private void failed(String what, String key, JedisException e) {
        failures.increment();
        if (isClosed) {
            return;
        }
        if (e instanceof JedisDataException) {
            if (!isRefusing) {
                isRefusing = true;
                LOGGER.log(Level.WARNING, () -> "redis at " + settings + ": " + what + ": " + key + ". " + reason(e)
                        + "; requests are executed, and further refusals are counted only");
            }
            return;
        }
        synchronized (this) {
            if (isAway) {
                return;
            }
            isAway = true;
            notifyAll();
        }
        LOGGER.log(Level.WARNING, () -> "redis at " + settings + ": " + what + ": " + key + ". " + reason(e)
                + "; requests are executed until it answers again");
    }

    @Override
    public void close() {
        isClosed = true;
        writer.interrupt();
        client.close();
    }
}
