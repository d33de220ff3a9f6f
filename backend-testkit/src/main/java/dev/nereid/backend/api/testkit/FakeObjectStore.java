package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.ObjectStoreContext;
import dev.nereid.backend.api.storage.ObjectStoreFactory;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.storage.StoredObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;

/**
 * Object storage in memory that does what a test tells it to: it is slow, breaks off, lies, or refuses. It is the factory of
 * itself. Threads: any.
 */
public final class FakeObjectStore implements ObjectStore {
    private final Map<String, Content> objects = new ConcurrentSkipListMap<>();
    private final Map<String, Long> toldSizes = new ConcurrentSkipListMap<>();
    private final AtomicInteger writes = new AtomicInteger();
    private final AtomicInteger listings = new AtomicInteger();
    private final AtomicInteger opened = new AtomicInteger();
    private final List<Read> reads = new CopyOnWriteArrayList<>();
    private volatile Reading reading = (read, in) -> in;
    private volatile Runnable listing = () -> {
    };

    private static final class Content {
        private final byte[] bytes;
        private final String etag;

        Content(byte[] bytes, String etag) {
            this.bytes = bytes;
            this.etag = etag;
        }
    }

    /**
     * A part that was asked for.
     *
     * @param key the object's name
     */
    public record Read(String key, long offset, long length) {
    }

    /** What becomes of a read. */
    public interface Reading {
        /** Returns what is read in place of {@code in}, or throws. */
        InputStream open(Read read, InputStream in) throws IOException;
    }

    /** Creates a store without objects. */
    public FakeObjectStore() {
    }

    /** Returns what opens this store under that name. */
    public ObjectStoreFactory factory(String name) {
        return new ObjectStoreFactory() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public ApiVersion builtFor() {
                return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
            }

            @Override
            public ObjectStore open(ObjectStoreContext context) {
                return FakeObjectStore.this.open();
            }
        };
    }

    /** Opens the store, as its factory does. */
    public ObjectStore open() {
        opened.incrementAndGet();
        return this;
    }

    /** Writes an object. */
    public FakeObjectStore put(String key, byte[] bytes) {
        objects.put(key, new Content(bytes.clone(), "etag-" + writes.incrementAndGet()));
        return this;
    }

    /** Writes an object. */
    public FakeObjectStore put(String key, String text) {
        return put(key, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Removes an object. */
    public void remove(String key) {
        objects.remove(key);
    }

    /** Has listings tell another size of an object than it has. */
    public void tellSize(String key, long size) {
        toldSizes.put(key, size);
    }

    /** Has that done with each read from here on. */
    public void onRead(Reading value) {
        reading = value;
    }

    /** Has that done before each listing from here on; it may throw. */
    public void onListing(Runnable value) {
        listing = value;
    }

    /** Returns the parts that were asked for so far. */
    public List<Read> reads() {
        return List.copyOf(reads);
    }

    /** Returns how many listings were asked for so far. */
    public int listings() {
        return listings.get();
    }

    /** Returns how often the store was opened. */
    public int opened() {
        return opened.get();
    }

    @Override
    public String description() {
        return "bucket 'fake' at memory, credentials from nowhere";
    }

    @Override
    public Set<String> directories() {
        listings.incrementAndGet();
        listing.run();
        Set<String> directories = new TreeSet<>();
        for (String key : objects.keySet()) {
            int slash = key.indexOf('/');
            if (slash >= 0) {
                directories.add(key.substring(0, slash));
            }
        }
        return directories;
    }

    @Override
    public void list(String directory, Predicate<StoredObject> each) {
        listings.incrementAndGet();
        listing.run();
        String prefix = directory + "/";
        for (Map.Entry<String, Content> object : objects.entrySet()) {
            String key = object.getKey();
            Content content = object.getValue();
            if (key.startsWith(prefix) && !each.test(new StoredObject(key.substring(prefix.length()),
                    toldSizes.getOrDefault(key, (long) content.bytes.length), content.etag))) {
                return;
            }
        }
    }

    @Override
    public InputStream read(String directory, StoredObject object, long offset, long length) throws IOException {
        Read read = new Read(directory + "/" + object.key(), offset, length);
        reads.add(read);
        Content content = objects.get(read.key());
        if (content == null) {
            throw new StorageException(Kind.NOT_FOUND, "no such object");
        }
        if (!content.etag.equals(object.etag())) {
            throw new StorageException(Kind.CHANGED, "it has another etag");
        }
        int from = (int) Math.min(offset, content.bytes.length);
        // What was listed as shorter than it is is sent to its end, as by a server that knows no ranges.
        int to = toldSizes.containsKey(read.key())
                ? content.bytes.length
                : (int) Math.min(offset + length, content.bytes.length);
        return reading.open(read, new ByteArrayInputStream(Arrays.copyOfRange(content.bytes, from, to)));
    }

    @Override
    public void close() {
        // Nothing is open.
    }
}
