package dev.nereid.location.s3;

import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.storage.StoredObject;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.awscore.exception.AwsErrorDetails;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;
import software.amazon.awssdk.services.s3.model.CommonPrefix;
import software.amazon.awssdk.services.s3.model.EncodingType;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Request;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Response;
import software.amazon.awssdk.services.s3.model.S3Object;

/** A place in a bucket. Threads: any. */
final class S3Store implements ObjectStore {
    private static final Duration CONNECT_LIMIT = Duration.ofSeconds(10);
    private static final Duration READ_LIMIT = Duration.ofSeconds(30);

    private final S3Place place;
    private final S3Access access;
    private final S3Client client;

    private S3Store(S3Place place, S3Access access, S3Client client) {
        this.place = place;
        this.access = access;
        this.client = client;
    }

    /** Opens the place; nothing is asked yet. */
    static S3Store open(S3Place place, S3Access access) {
        return open(place, access, CONNECT_LIMIT, READ_LIMIT);
    }

    static S3Store open(S3Place place, S3Access access, Duration connectLimit, Duration readLimit) {
        S3ClientBuilder builder = S3Client.builder().credentialsProvider(access.credentials())
                .region(Region.of(access.region()))
                .httpClient(UrlConnectionHttpClient.builder().connectionTimeout(connectLimit).socketTimeout(readLimit)
                        .build())
                // The server decides what is tried again, and says so.
                .overrideConfiguration(override -> override.retryStrategy(AwsRetryStrategy.doNotRetry()))
                // Other servers know no checksums in trailers.
                .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED);
        Optional<URI> endpoint = access.endpoint();
        if (endpoint.isPresent()) {
            builder.endpointOverride(endpoint.get()).forcePathStyle(true);
        } else {
            builder.crossRegionAccessEnabled(true);
        }
        return new S3Store(place, access, builder.build());
    }

    @Override
    public String description() {
        return "bucket '" + place.bucket() + "' at " + access.endpoint().map(URI::toString).orElse("AWS") + ", region "
                + access.region() + ", credentials from " + access.source();
    }

    @Override
    public Set<String> directories() {
        Set<String> directories = new TreeSet<>();
        pages(request -> request.prefix(place.prefix()).delimiter("/"), page -> {
            for (CommonPrefix each : page.commonPrefixes()) {
                directories.add(each.prefix().substring(place.prefix().length(), each.prefix().length() - 1));
            }
            return true;
        });
        return directories;
    }

    @Override
    public void list(String directory, Predicate<StoredObject> each) {
        String prefix = place.prefix() + directory + "/";
        pages(request -> request.prefix(prefix), page -> {
            for (S3Object object : page.contents()) {
                if (!each.test(new StoredObject(object.key().substring(prefix.length()), object.size(),
                        object.eTag() == null ? "" : object.eTag()))) {
                    return false;
                }
            }
            return true;
        });
    }

    private void pages(Consumer<ListObjectsV2Request.Builder> what, Predicate<ListObjectsV2Response> each) {
        String next = null;
        do {
            ListObjectsV2Request.Builder request = ListObjectsV2Request.builder().bucket(place.bucket())
                    // XML has no control characters, but names may.
                    .encodingType(EncodingType.URL).continuationToken(next);
            what.accept(request);
            ListObjectsV2Response page = asked(() -> client.listObjectsV2(request.build()));
            if (!each.test(page)) {
                return;
            }
            next = Boolean.TRUE.equals(page.isTruncated()) ? page.nextContinuationToken() : null;
        } while (next != null);
    }

    @Override
    public InputStream read(String directory, StoredObject object, long offset, long length) {
        ResponseInputStream<GetObjectResponse> in = asked(() -> client.getObject(request -> {
            request.bucket(place.bucket()).key(place.prefix() + directory + "/" + object.key())
                    .range("bytes=" + offset + "-" + (offset + length - 1));
            if (!object.etag().isEmpty()) {
                request.ifMatch(object.etag());
            }
        }));
        String range = in.response().contentRange();
        String size = range == null ? "" : range.substring(range.indexOf('/') + 1);
        if (!size.isEmpty() && !size.equals("*") && !size.equals(Long.toString(object.size()))) {
            in.abort();
            throw new StorageException(Kind.CHANGED,
                    "it has " + size + " bytes, its listing says " + object.size());
        }
        if (range == null && offset > 0) {
            in.abort();
            throw new StorageException(Kind.REFUSED, "the server sends whole objects where a part was asked for");
        }
        return new Part(in);
    }

    private static <T> T asked(Supplier<T> call) {
        try {
            return call.get();
        } catch (AwsServiceException e) {
            throw new StorageException(StorageException.kindOf(e.statusCode()), text(e), e);
        } catch (SdkException e) {
            // No credentials is the one failure of the client's own that no pause helps.
            boolean isDenied = String.valueOf(e.getMessage()).contains("Unable to load credentials");
            throw isDenied
                    ? new StorageException(Kind.DENIED, "there are no credentials", e)
                    : new StorageException(Kind.UNAVAILABLE, rootMessage(e), e);
        }
    }

    private static String text(AwsServiceException e) {
        @Nullable
        AwsErrorDetails details = e.awsErrorDetails();
        return details == null || details.errorMessage() == null
                ? "HTTP status " + e.statusCode()
                : details.errorMessage() + " (" + details.errorCode() + ", HTTP status " + e.statusCode() + ")";
    }

    private static String rootMessage(Throwable e) {
        String text = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
        Throwable cause = e.getCause();
        return cause == null || cause.getMessage() == null || text.contains(cause.getMessage())
                ? text
                : text + " (" + cause.getMessage() + ")";
    }

    @Override
    public void close() {
        client.close();
    }

    /** A part of an object, which is not read to the end where it is closed before. */
    private static final class Part extends FilterInputStream {
        private final ResponseInputStream<GetObjectResponse> part;
        private boolean isAtEnd;

        Part(ResponseInputStream<GetObjectResponse> part) {
            super(part);
            this.part = part;
        }

        @Override
        public int read() throws IOException {
            int read = super.read();
            isAtEnd |= read < 0;
            return read;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int read = super.read(bytes, offset, length);
            isAtEnd |= read < 0;
            return read;
        }

        @Override
        public void close() throws IOException {
            if (isAtEnd) {
                part.close();
            } else {
                part.abort();
            }
        }
    }
}
