package dev.nereid.backend.api.storage;

import dev.nereid.backend.api.Experimental;

/**
 * An object as a listing tells of it.
 *
 * @param key its name below the directory that was listed, without a slash in front unless its name there has one
 * @param size in bytes
 * @param etag a text that is another one whenever the content of this object is
 */
@Experimental(since = "1.1")
public record StoredObject(String key, long size, String etag) {
    /** Refuses a negative size. */
    public StoredObject {
        if (size < 0) {
            throw new IllegalArgumentException("object '" + key + "' has the size " + size);
        }
    }
}
