/**
 * The contract between the server and a kind of object storage, in which model repositories lie, that comes as a plugin.
 *
 * <p>A plugin implements {@link ObjectStoreFactory} and {@link ObjectStore}, and throws {@link StorageException}; every other
 * type here is the server's.
 */
@NullMarked
package dev.nereid.backend.api.storage;

import org.jspecify.annotations.NullMarked;
