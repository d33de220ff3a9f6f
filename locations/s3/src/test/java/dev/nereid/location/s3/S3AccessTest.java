package dev.nereid.location.s3;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import java.net.URI;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;

class S3AccessTest {
    private static final S3Place AWS = S3Place.parse("s3://bucket/models");

    @ParameterizedTest
    @CsvSource({"s3://bucket,,bucket,''", "s3://bucket/,,bucket,''", "s3://bucket//a///b/,,bucket,a/b/",
        "s3://host:9000/bucket/a,http://host:9000,bucket,a/", "s3://http://host:9000/bucket,http://host:9000,bucket,''",
        "s3://https://host:9000/bucket/a,https://host:9000,bucket,a/",
        "s3://https://host/bucket,https://host,bucket,''",
        "s3://10.0.0.1:9000/bucket,http://10.0.0.1:9000,bucket,''"})
    void readsEveryFormOfALocation(String location, String endpoint, String bucket, String prefix) {
        assertEquals(new S3Place(Optional.ofNullable(endpoint).map(URI::create), bucket, prefix),
                S3Place.parse(location));
    }

    @ParameterizedTest
    @ValueSource(strings = {"s3://", "s3:///", "s3://host:9000", "s3://https://host:9000/", "s3://http://a b:1/bucket"})
    void refusesALocationWithoutABucket(String location) {
        assertTrue(assertThrows(InferenceException.class, () -> S3Place.parse(location)).getMessage()
                .startsWith("model repository '" + location + "' "));
    }

    @Test
    void theFileOfCredentialsGoesBeforeTheEnvironment() {
        S3Access access = S3Access.of(AWS,
                Map.of("key_id", "k", "secret_key", "s", "session_token", "t", "region", "eu-west-1"),
                Map.of("AWS_ACCESS_KEY_ID", "other", "AWS_SECRET_ACCESS_KEY", "x", "AWS_DEFAULT_REGION", "us-west-2"));

        assertEquals(AwsSessionCredentials.create("k", "s", "t"), access.credentials().resolveCredentials());
        assertEquals("eu-west-1", access.region());
        assertEquals("the file that TRITON_CLOUD_CREDENTIAL_PATH names", access.source());
    }

    @Test
    void theEnvironmentGoesBeforeWhatTheClientFinds() {
        S3Access access = S3Access.of(AWS, Map.of(), Map.of("AWS_ACCESS_KEY_ID", "k", "AWS_SECRET_ACCESS_KEY", "s",
                "AWS_SESSION_TOKEN", "t", "AWS_DEFAULT_REGION", "us-west-2", "AWS_ENDPOINT_URL_S3",
                "http://minio:9000"));

        assertEquals(AwsSessionCredentials.create("k", "s", "t"), access.credentials().resolveCredentials());
        assertEquals("us-west-2", access.region());
        assertEquals(Optional.of(URI.create("http://minio:9000")), access.endpoint());
    }

    @ParameterizedTest
    @CsvSource({"'','',us-east-1", "'',eu-west-1,eu-west-1", "us-west-2,eu-west-1,us-west-2"})
    void bothVariablesNameTheRegion(String first, String second, String region) {
        assertEquals(region, S3Access.of(AWS, Map.of(), Map.of("AWS_DEFAULT_REGION", first, "AWS_REGION", second))
                .region());
    }

    @Test
    void aProfileIsNamed() {
        assertEquals("profile 'work'", S3Access.of(AWS, Map.of(), Map.of("AWS_PROFILE", "work")).source());
        assertEquals("profile 'entry'", S3Access.of(AWS, Map.of("profile", "entry"),
                Map.of("AWS_ACCESS_KEY_ID", "k", "AWS_SECRET_ACCESS_KEY", "s")).source());
        assertTrue(S3Access.of(AWS, Map.of(), Map.of()).source().startsWith("what AWS's client finds by itself"));
    }
}
