package dev.nereid.location.s3;

import java.net.URI;
import java.util.Map;
import java.util.Optional;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.ProfileCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

/**
 * As whom, and where, S3 is asked.
 *
 * @param credentials gives the credentials
 * @param source where they come from, in words
 * @param region the region
 * @param endpoint of a server other than AWS, by the location or the environment
 */
record S3Access(AwsCredentialsProvider credentials, String source, String region, Optional<URI> endpoint) {
    private static final String DEFAULT_REGION = "us-east-1";

    /**
     * Chooses: the entry of the file of credentials, else the environment, else what the client finds by itself: profiles,
     * web identity, containers, the machine's role.
     */
    static S3Access of(S3Place place, Map<String, String> entry, Map<String, String> environment) {
        Optional<URI> endpoint = place.endpoint().or(() -> value(environment, "AWS_ENDPOINT_URL_S3")
                .or(() -> value(environment, "AWS_ENDPOINT_URL")).map(URI::create));
        String region = value(entry, "region").or(() -> value(environment, "AWS_DEFAULT_REGION"))
                .or(() -> value(environment, "AWS_REGION")).orElse(DEFAULT_REGION);
        if (value(entry, "key_id").isPresent()) {
            return new S3Access(fixed(entry, "key_id", "secret_key", "session_token"),
                    "the file that TRITON_CLOUD_CREDENTIAL_PATH names", region, endpoint);
        }
        Optional<String> profile = value(entry, "profile");
        if (profile.isEmpty() && value(environment, "AWS_ACCESS_KEY_ID").isPresent()) {
            return new S3Access(fixed(environment, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
                    "AWS_ACCESS_KEY_ID in the environment", region, endpoint);
        }
        profile = profile.or(() -> value(environment, "AWS_PROFILE"));
        if (profile.isPresent()) {
            return new S3Access(ProfileCredentialsProvider.create(profile.get()), "profile '" + profile.get() + "'",
                    region, endpoint);
        }
        return new S3Access(DefaultCredentialsProvider.builder().build(),
                "what AWS's client finds by itself, since neither TRITON_CLOUD_CREDENTIAL_PATH nor AWS_ACCESS_KEY_ID nor "
                        + "AWS_PROFILE names any",
                region, endpoint);
    }

    private static AwsCredentialsProvider fixed(Map<String, String> values, String id, String secret, String token) {
        String key = values.getOrDefault(id, "");
        String password = values.getOrDefault(secret, "");
        AwsCredentials credentials = value(values, token)
                .<AwsCredentials>map(session -> AwsSessionCredentials.create(key, password, session))
                .orElseGet(() -> AwsBasicCredentials.create(key, password));
        return StaticCredentialsProvider.create(credentials);
    }

    private static Optional<String> value(Map<String, String> values, String name) {
        return Optional.ofNullable(values.get(name)).filter(value -> !value.isBlank());
    }
}
