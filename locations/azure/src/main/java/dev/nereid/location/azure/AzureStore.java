package dev.nereid.location.azure;

import com.azure.core.exception.ClientAuthenticationException;
import com.azure.core.exception.HttpResponseException;
import com.azure.core.http.HttpClient;
import com.azure.core.http.jdk.httpclient.JdkHttpClientBuilder;
import com.azure.storage.blob.BlobContainerClient;
import com.azure.storage.blob.BlobServiceClientBuilder;
import com.azure.storage.blob.models.BlobItem;
import com.azure.storage.blob.models.BlobRange;
import com.azure.storage.blob.models.BlobRequestConditions;
import com.azure.storage.blob.models.BlobStorageException;
import com.azure.storage.blob.models.ListBlobsOptions;
import com.azure.storage.blob.options.BlobInputStreamOptions;
import com.azure.storage.common.policy.RequestRetryOptions;
import com.azure.storage.common.policy.RetryPolicyType;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.storage.StoredObject;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.Logger;

/** A place in a container. Threads: any. */
final class AzureStore implements ObjectStore {
    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);
    private static final Duration READ_LIMIT = Duration.ofSeconds(30);
    /** The client warns at each request of a header that does not matter; what fails, the server tells itself. */
    private static final Logger CLIENT = Logger.getLogger("com.azure");

    static {
        if (CLIENT.getLevel() == null) {
            CLIENT.setLevel(Level.OFF);
        }
    }

    private final AzurePlace place;
    private final AzureAccess access;
    private final BlobContainerClient container;
    private final Duration readLimit;

    private AzureStore(AzurePlace place, AzureAccess access, BlobContainerClient container, Duration readLimit) {
        this.place = place;
        this.access = access;
        this.container = container;
        this.readLimit = readLimit;
    }

    /** Opens the place; nothing is asked yet. */
    static AzureStore open(AzurePlace place, AzureAccess access) {
        return open(place, access, READ_LIMIT);
    }

    static AzureStore open(AzurePlace place, AzureAccess access, Duration readLimit) {
        HttpClient http = new JdkHttpClientBuilder().connectionTimeout(CONNECT_LIMIT).responseTimeout(readLimit)
                .readTimeout(readLimit).build();
        BlobServiceClientBuilder builder = new BlobServiceClientBuilder().endpoint(place.endpoint()).httpClient(http)
                // The server decides what is tried again, and says so.
                .retryOptions(new RequestRetryOptions(RetryPolicyType.FIXED, 1, (Duration) null, null, null, null));
        access.key().ifPresent(builder::credential);
        access.token().ifPresent(builder::credential);
        return new AzureStore(place, access, builder.buildClient().getBlobContainerClient(place.container()),
                readLimit);
    }

    @Override
    public String description() {
        return "container '" + place.container() + "' at " + place.endpoint() + ", credentials from " + access.source();
    }

    @Override
    public Set<String> directories() {
        return asked(() -> {
            Set<String> directories = new TreeSet<>();
            for (BlobItem each : container.listBlobsByHierarchy("/", new ListBlobsOptions().setPrefix(place.prefix()),
                    readLimit.multipliedBy(2))) {
                if (Boolean.TRUE.equals(each.isPrefix())) {
                    String name = each.getName();
                    directories.add(name.substring(place.prefix().length(), name.length() - 1));
                }
            }
            return directories;
        });
    }

    @Override
    public void list(String directory, Predicate<StoredObject> each) {
        String prefix = place.prefix() + directory + "/";
        Boolean ignored = asked(() -> {
            for (BlobItem blob : container.listBlobs(new ListBlobsOptions().setPrefix(prefix),
                    readLimit.multipliedBy(2))) {
                Long size = blob.getProperties().getContentLength();
                String etag = blob.getProperties().getETag();
                if (!each.test(new StoredObject(blob.getName().substring(prefix.length()), size == null ? 0 : size,
                        etag == null ? "" : etag))) {
                    return false;
                }
            }
            return true;
        });
    }

    @Override
    public InputStream read(String directory, StoredObject object, long offset, long length) {
        BlobInputStreamOptions options = new BlobInputStreamOptions().setRange(new BlobRange(offset, length))
                .setBlockSize((int) Math.min(length, Integer.MAX_VALUE));
        if (!object.etag().isEmpty()) {
            options.setRequestConditions(new BlobRequestConditions().setIfMatch(object.etag()));
        }
        InputStream in = asked(() -> container.getBlobClient(place.prefix() + directory + "/" + object.key())
                .openInputStream(options));
        return new Part(in);
    }

    private static <T> T asked(Supplier<T> call) {
        try {
            return call.get();
        } catch (StorageException | InferenceException e) {
            // The latter from who gets the objects.
            throw e;
        } catch (BlobStorageException e) {
            String text = e.getServiceMessage() == null ? "" : e.getServiceMessage().lines().findFirst().orElse("");
            throw new StorageException(StorageException.kindOf(e.getStatusCode()),
                    text + " (" + e.getErrorCode() + ", HTTP status " + e.getStatusCode() + ")", e);
        } catch (ClientAuthenticationException e) {
            throw new StorageException(Kind.DENIED, firstLine(e), e);
        } catch (HttpResponseException e) {
            throw new StorageException(e.getResponse() == null
                    ? Kind.UNAVAILABLE
                    : StorageException.kindOf(e.getResponse().getStatusCode()), firstLine(e), e);
        } catch (RuntimeException e) {
            // Refused connections and limits come as exceptions of the library that the client is built on.
            throw new StorageException(Kind.UNAVAILABLE, firstLine(e), e);
        }
    }

    private static String firstLine(Throwable e) {
        Throwable root = e;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String text = root.getMessage() == null ? root.getClass().getSimpleName() : String.valueOf(root.getMessage());
        return text.lines().findFirst().orElse(root.getClass().getSimpleName());
    }

    @Override
    public void close() {
        // The client has nothing to close.
    }

    /** A part of a blob; what the client throws while it is read is told as its other failures are. */
    private static final class Part extends InputStream {
        private final InputStream in;

        Part(InputStream in) {
            this.in = in;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            try {
                return in.read(bytes, offset, length);
            } catch (IOException e) {
                if (e.getCause() instanceof RuntimeException failure) {
                    return asked(() -> {
                        throw failure;
                    });
                }
                throw e;
            }
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }
}
