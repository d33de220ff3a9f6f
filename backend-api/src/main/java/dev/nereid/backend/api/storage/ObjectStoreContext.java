package dev.nereid.backend.api.storage;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Experimental;
import java.util.Map;

/** What the server tells a kind of object storage when it opens a place in it. Implemented by the server. */
@Experimental(since = "1.1")
public interface ObjectStoreContext {
    /** Returns the contract version that this server offers. */
    ApiVersion serverApi();

    /** Returns where the model repository is, as it was given, such as {@code s3://bucket/models}. */
    String location();

    /**
     * Returns the entry of the file of credentials that is meant for this location, by name; under the empty name, an entry
     * that is just a text. Empty where there is none, so that the environment counts.
     */
    Map<String, String> credentials();

    /** Returns the environment variables of the server. */
    Map<String, String> environment();
}
