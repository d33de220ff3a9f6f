package dev.nereid.location.azure;

import com.azure.core.credential.TokenCredential;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import com.azure.storage.common.StorageSharedKeyCredential;
import dev.nereid.backend.api.InferenceException;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * As whom Azure Blob Storage is asked.
 *
 * @param key the account's key
 * @param token gives tokens; neither this nor a key for a stranger, who may read what is public
 * @param source where they come from, in words
 */
record AzureAccess(Optional<StorageSharedKeyCredential> key, Optional<TokenCredential> token, String source) {
    private static final String ACCOUNT = "AZURE_STORAGE_ACCOUNT";
    private static final String KEY = "AZURE_STORAGE_KEY";
    private static final String TYPE = "AZURE_STORAGE_AUTH_TYPE";
    private static final String CLIENT = "AZURE_STORAGE_CLIENT_ID";

    /** Chooses: the entry of the file of credentials, else what the environment says, else a stranger. */
    static AzureAccess of(AzurePlace place, Map<String, String> entry, Map<String, String> environment) {
        if (!entry.getOrDefault("account_key", "").isBlank()) {
            return key(place, entry.getOrDefault("account_str", ""), entry.getOrDefault("account_key", ""),
                    "the file that TRITON_CLOUD_CREDENTIAL_PATH names");
        }
        String type = environment.getOrDefault(TYPE, "").toLowerCase(Locale.ROOT);
        String key = environment.getOrDefault(KEY, "");
        return switch (type) {
            case "", "key" -> {
                if (!key.isBlank()) {
                    yield key(place, environment.getOrDefault(ACCOUNT, ""), key, KEY + " in the environment");
                }
                if (type.equals("key")) {
                    throw InferenceException.invalid(TYPE + " is key, but " + KEY + " is not set");
                }
                yield new AzureAccess(Optional.empty(), Optional.empty(), "nowhere: neither " + KEY + " nor " + TYPE
                        + " is set, so only what is public can be read");
            }
            case "managed_identity" -> new AzureAccess(Optional.empty(),
                    Optional.of(managedIdentity(environment.getOrDefault(CLIENT, ""))),
                    "the machine's managed identity");
            case "default" ->
                new AzureAccess(Optional.empty(), Optional.of(new DefaultAzureCredentialBuilder().build()),
                        "what Azure's library finds by itself");
            default -> throw InferenceException
                    .invalid(TYPE + " has value '" + type + "', expected key, managed_identity or default");
        };
    }

    private static AzureAccess key(AzurePlace place, String account, String key, String source) {
        try {
            return new AzureAccess(
                    Optional.of(new StorageSharedKeyCredential(account.isBlank() ? place.account() : account, key)),
                    Optional.empty(), source);
        } catch (IllegalArgumentException e) {
            throw InferenceException.invalid("the key from " + source + " is not one of a storage account");
        }
    }

    private static TokenCredential managedIdentity(String client) {
        ManagedIdentityCredentialBuilder builder = new ManagedIdentityCredentialBuilder();
        if (!client.isBlank()) {
            builder.clientId(client);
        }
        return builder.build();
    }
}
