package dev.nereid.cache.redis;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.cache.CacheKey;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.Eventually;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import redis.clients.jedis.RedisClient;

/** The cache before a real Redis server, which may be away, slow or full. */
@Timeout(120)
class RedisCacheTest {
    private static final CacheKey KEY = new CacheKey(1, 2, 3, 4);
    private static final CacheKey OTHER = new CacheKey(5, 6, 7, 8);

    private final CountedMetrics metrics = new CountedMetrics();

    private RedisCache open(RedisProcess redis, String... more) {
        Map<String, String> settings = new HashMap<>(Map.of("host", "127.0.0.1", "port",
                Integer.toString(redis.port()), "socket_timeout", "500", "wait_timeout", "500"));
        for (int i = 0; i < more.length; i += 2) {
            settings.put(more[i], more[i + 1]);
        }
        return RedisCache.open(RedisSettings.of(settings, Map.of()), metrics);
    }

    private static Tensor tensor(String name, byte... bytes) {
        return new Tensor(name, DataType.UINT8, Shape.of(1, bytes.length), MemorySegment.ofArray(bytes));
    }

    /** Puts something there and waits until it is. */
    private static void keep(RedisCache cache, CacheKey key, Tensor... outputs) throws Exception {
        Eventually.until("the response is taken", () -> cache.put(key, List.of(outputs)));
        Eventually.until("the response is in Redis", () -> cache.get(key).isPresent());
    }

    @Test
    void findsWhatWasPutThereAlsoByAnotherServer() throws Exception {
        try (RedisProcess redis = RedisProcess.start();
                RedisCache cache = open(redis);
                RedisCache another = open(redis)) {
            assertTrue(cache.get(KEY).isEmpty());
            Tensor text = new Tensor("ä", DataType.BYTES, Shape.of(1), MemorySegment.ofArray(
                    new byte[]{2, 0, 0, 0, 'h', 'i'}));
            keep(cache, KEY, tensor("Y", (byte) 1, (byte) 2), text);

            List<Tensor> outputs = another.get(KEY).orElseThrow().outputs();

            assertEquals(2, outputs.size());
            assertEquals("Y", outputs.get(0).name());
            assertEquals(Shape.of(1, 2), outputs.get(0).shape());
            assertEquals(DataType.UINT8, outputs.get(0).dataType());
            assertArrayEquals(new byte[]{1, 2}, outputs.get(0).data().toArray(ValueLayout.JAVA_BYTE));
            assertEquals("ä", outputs.get(1).name());
            assertEquals(DataType.BYTES, outputs.get(1).dataType());
            assertTrue(another.get(OTHER).isEmpty());
            assertTrue(cache.isShared());
        }
    }

    @Test
    void doesNotStartWithoutItsServer() throws Exception {
        try (RedisProcess redis = RedisProcess.start()) {
            redis.kill();

            String text = assertThrows(InferenceException.class, () -> open(redis)).getMessage();

            assertEquals("Failed to initialize RedisCache: 127.0.0.1:" + redis.port()
                    + " (--cache-config=redis,host and redis,port): Connection refused", text);
        }
    }

    @Test
    void doesNotStartWithoutThePassword() throws Exception {
        try (RedisProcess redis = RedisProcess.start("--requirepass", "secret")) {
            String missing = assertThrows(InferenceException.class, () -> open(redis)).getMessage();
            String wrong = assertThrows(InferenceException.class, () -> open(redis, "password", "x")).getMessage();

            assertTrue(missing.contains("NOAUTH"), missing);
            assertTrue(wrong.contains("WRONGPASS"), wrong);
            try (RedisCache cache = open(redis, "password", "secret")) {
                keep(cache, KEY, tensor("Y", (byte) 1));
            }
        }
    }

    @Test
    void aServerThatGoesIsNotAskedUntilItIsBack() throws Exception {
        try (RedisProcess redis = RedisProcess.start(); RedisCache cache = open(redis)) {
            keep(cache, KEY, tensor("Y", (byte) 1));
            redis.kill();

            assertTrue(cache.get(KEY).isEmpty(), "a failure is no answer");
            assertEquals(1, metrics.count("nereid_cache_failures_total"));
            assertTrue(cache.get(KEY).isEmpty());
            assertEquals(1, metrics.count("nereid_cache_lookups_total skipped"));
            assertEquals(1, metrics.count("nereid_cache_failures_total"), "it is not asked again");
            assertFalse(cache.put(KEY, List.of(tensor("Y", (byte) 1))));

            redis.restart();
            keep(cache, KEY, tensor("Y", (byte) 1));
        }
    }

    @Test
    void aServerThatDoesNotAnswerCostsOneTimeout() throws Exception {
        try (RedisProcess redis = RedisProcess.start(); RedisCache cache = open(redis)) {
            keep(cache, KEY, tensor("Y", (byte) 1));
            redis.freeze();

            long start = System.nanoTime();
            for (int i = 0; i < 100; i++) {
                assertTrue(cache.get(KEY).isEmpty());
            }
            long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);

            assertTrue(millis < 10_000, "100 look-ups took " + millis + " ms");
            assertEquals(99, metrics.count("nereid_cache_lookups_total skipped"));
            redis.thaw();
            Eventually.until("it answers again", () -> cache.get(KEY).isPresent());
        }
    }

    @Test
    void aFullServerKeepsNothingMoreButIsAskedOn() throws Exception {
        try (RedisProcess redis = RedisProcess.start("--maxmemory", "3mb", "--maxmemory-policy", "noeviction");
                RedisCache cache = open(redis)) {
            keep(cache, KEY, tensor("Y", (byte) 1));
            Eventually.until("the server is full", () -> {
                boolean isLargeKept = cache.put(OTHER, List.of(tensor("Y", new byte[8 << 20])));
                boolean isSmallKept = cache.put(new CacheKey(9, 9, 9, 9), List.of(tensor("Y", (byte) 1)));
                assertFalse(isLargeKept && isSmallKept);
                return metrics.count("nereid_cache_failures_total") > 0;
            });

            assertTrue(cache.get(KEY).isPresent());
            assertEquals(0, metrics.count("nereid_cache_lookups_total skipped"));
            assertTrue(metrics.count("nereid_cache_dropped_insertions_total") > 0);
        }
    }

    @Test
    void aValueOfSomebodyElseIsNoResponse() throws Exception {
        try (RedisProcess redis = RedisProcess.start();
                RedisCache cache = open(redis);
                RedisClient client = RedisClient.create("127.0.0.1", redis.port())) {
            String ignored = client.set("nereid:" + KEY, "something else");

            assertTrue(cache.get(KEY).isEmpty());
            assertEquals(1, metrics.count("nereid_cache_failures_total"));
        }
    }
}
