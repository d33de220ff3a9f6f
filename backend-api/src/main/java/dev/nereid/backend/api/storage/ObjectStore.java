package dev.nereid.backend.api.storage;

import dev.nereid.backend.api.Experimental;
import java.io.IOException;
import java.io.InputStream;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The place that a model repository lies in. Each method that asks the storage blocks until it has answered, with limits of
 * its own for connecting and for each read, and asks once: the server tries again after a pause where a
 * {@link StorageException} says that this may help.
 *
 * <p>Threads: any, several at once; virtual ones, too, which are interrupted to end a read.
 */
@Experimental(since = "1.1")
public interface ObjectStore extends AutoCloseable {
    /**
     * Returns where this is and as whom it is asked, for whoever runs the server: the bucket, the endpoint, the region, and
     * where the credentials come from; never the credentials.
     */
    String description();

    /**
     * Returns the directories of the location: the names up to the next slash that names of objects go on with behind that of
     * the location.
     *
     * @throws StorageException when they can't be told
     */
    Set<String> directories();

    /**
     * Lists all objects in a directory and the directories in it, in any order, with as few requests as that takes.
     *
     * @param directory one of the location's
     * @param each gets the objects; returns false when it wants no more
     * @throws StorageException when they can't be listed
     */
    void list(String directory, Predicate<StoredObject> each);

    /**
     * Opens a part of an object for reading. Closing the stream early ends the transfer.
     *
     * @param directory one of the location's
     * @param object as it was listed
     * @param offset of the first byte
     * @param length in bytes, at least 1
     * @throws StorageException when it can't be read; {@link StorageException.Kind#CHANGED} where the object is another one
     *     than was listed
     * @throws IOException when the connection fails
     */
    InputStream read(String directory, StoredObject object, long offset, long length) throws IOException;

    /** Ends the connections. */
    @Override
    void close();
}
