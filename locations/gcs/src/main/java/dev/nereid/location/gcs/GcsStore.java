package dev.nereid.location.gcs;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.storage.StoredObject;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A place in a bucket, by the JSON API. An object's generation stands for its content. Threads: any.
 *
 * <p>Not with {@code java.net.http}, which knows no limit for reading a body.
 */
final class GcsStore implements ObjectStore {
    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);
    private static final Duration READ_LIMIT = Duration.ofSeconds(30);
    private static final int MAX_ERROR_BYTES = 64 << 10;

    private final GcsPlace place;
    private final GcsAccess access;
    private final String objects;
    private final Duration readLimit;

    /** Opens the place; nothing is asked yet. */
    GcsStore(GcsPlace place, GcsAccess access) {
        this(place, access, READ_LIMIT);
    }

    GcsStore(GcsPlace place, GcsAccess access, Duration readLimit) {
        this.place = place;
        this.access = access;
        this.objects = place.endpoint() + "/storage/v1/b/" + encoded(place.bucket()) + "/o";
        this.readLimit = readLimit;
    }

    @Override
    public String description() {
        return "bucket '" + place.bucket() + "' at " + place.endpoint() + ", credentials from " + access.source();
    }

    @Override
    public Set<String> directories() {
        Set<String> directories = new TreeSet<>();
        pages(place.prefix(), "&delimiter=%2F&fields=prefixes,nextPageToken", page -> {
            for (JsonElement each : array(page, "prefixes")) {
                String prefix = each.getAsString();
                directories.add(prefix.substring(place.prefix().length(), prefix.length() - 1));
            }
            return true;
        });
        return directories;
    }

    @Override
    public void list(String directory, Predicate<StoredObject> each) {
        String prefix = place.prefix() + directory + "/";
        pages(prefix, "&fields=items(name,size,generation),nextPageToken", page -> {
            for (JsonElement item : array(page, "items")) {
                JsonObject object = item.getAsJsonObject();
                if (!each.test(new StoredObject(object.get("name").getAsString().substring(prefix.length()),
                        object.get("size").getAsLong(), object.get("generation").getAsString()))) {
                    return false;
                }
            }
            return true;
        });
    }

    private static JsonArray array(JsonObject page, String name) {
        return page.has(name) ? page.getAsJsonArray(name) : new JsonArray();
    }

    private void pages(String prefix, String parameters, Predicate<JsonObject> each) {
        String next = "";
        do {
            JsonObject page = json(objects + "?prefix=" + encoded(prefix) + parameters
                    + (next.isEmpty() ? "" : "&pageToken=" + encoded(next)));
            try {
                if (!each.test(page)) {
                    return;
                }
                next = page.has("nextPageToken") ? page.get("nextPageToken").getAsString() : "";
            } catch (NullPointerException | IllegalStateException | NumberFormatException | ClassCastException
                    | UnsupportedOperationException | StringIndexOutOfBoundsException e) {
                throw new StorageException(Kind.REFUSED, "the answer is no listing of the JSON API", e);
            }
        } while (!next.isEmpty());
    }

    private JsonObject json(String uri) {
        try (InputStream in = ask(uri, null);
                Reader text = new InputStreamReader(in, StandardCharsets.UTF_8)) {
            return JsonParser.parseReader(text).getAsJsonObject();
        } catch (JsonParseException | IllegalStateException e) {
            throw new StorageException(Kind.UNAVAILABLE, "the answer is no JSON object", e);
        } catch (IOException e) {
            throw new StorageException(Kind.UNAVAILABLE, text(e), e);
        }
    }

    @Override
    public InputStream read(String directory, StoredObject object, long offset, long length) throws IOException {
        String name = place.prefix() + directory + "/" + object.key();
        return ask(objects + "/" + encoded(name) + "?alt=media&generation=" + encoded(object.etag()),
                new Range(offset, length, object.size()));
    }

    /** A part of an object. */
    private record Range(long offset, long length, long size) {
        String header() {
            return "bytes=" + offset + "-" + (offset + length - 1);
        }
    }

    private InputStream ask(String uri, @Nullable Range range) throws IOException {
        URI address = URI.create(uri);
        HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
        connection.setConnectTimeout((int) CONNECT_LIMIT.toMillis());
        connection.setReadTimeout((int) readLimit.toMillis());
        authorize(connection, address);
        if (range != null) {
            connection.setRequestProperty("Range", range.header());
        }
        int status = connection.getResponseCode();
        if (status < 200 || status >= 300) {
            throw failure(connection, status, range != null);
        }
        if (range != null) {
            check(connection, status, range);
        }
        return connection.getInputStream();
    }

    private void authorize(HttpURLConnection connection, URI address) throws IOException {
        if (access.credentials().isEmpty()) {
            return;
        }
        try {
            access.credentials().get().getRequestMetadata(address)
                    .forEach((name, values) -> values.forEach(value -> connection.addRequestProperty(name, value)));
        } catch (IOException e) {
            throw new StorageException(Kind.DENIED, "no token can be had: " + text(e), e);
        }
    }

    private static void check(HttpURLConnection connection, int status, Range range) {
        String content = connection.getHeaderField("Content-Range");
        String size = content == null ? "" : content.substring(content.indexOf('/') + 1);
        if (status != 206 && range.offset() > 0) {
            connection.disconnect();
            throw new StorageException(Kind.REFUSED, "the server sends whole objects where a part was asked for");
        }
        if (!size.isEmpty() && !size.equals("*") && !size.equals(Long.toString(range.size()))) {
            connection.disconnect();
            throw new StorageException(Kind.CHANGED, "it has " + size + " bytes, its listing says " + range.size());
        }
    }

    private static StorageException failure(HttpURLConnection connection, int status, boolean isObject)
            throws IOException {
        String text = "";
        try (InputStream in = connection.getErrorStream()) {
            if (in != null) {
                text = new String(in.readNBytes(MAX_ERROR_BYTES), StandardCharsets.UTF_8);
            }
        }
        // What had the generation that was listed is gone: another may have taken its place.
        Kind kind = isObject && status == 404 ? Kind.CHANGED : StorageException.kindOf(status);
        return new StorageException(kind, message(text) + " (HTTP status " + status + ")");
    }

    private static String message(String text) {
        try {
            return JsonParser.parseString(text).getAsJsonObject().getAsJsonObject("error").get("message")
                    .getAsString();
        } catch (JsonParseException | IllegalStateException | NullPointerException | ClassCastException e) {
            return text.lines().findFirst().orElse("no reason given");
        }
    }

    private static String text(IOException e) {
        return e.getMessage() == null ? e.getClass().getSimpleName() : String.valueOf(e.getMessage());
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    @Override
    public void close() {
        // Connections end by themselves when they have been idle.
    }
}
