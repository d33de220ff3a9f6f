package dev.nereid.backend.api.cache;

import dev.nereid.backend.api.Experimental;

/**
 * What a cache has done since it was opened.
 *
 * @param entries responses that it holds
 * @param lookups how often one was looked for
 * @param hits how often it was there
 * @param misses how often it was not
 * @param evictions responses that had to make room
 * @param tooLarge responses that were left out since they are larger than the cache
 * @param lookupNanos the time that looking took
 * @param insertionNanos the time that inserting took
 * @param utilization the share of the cache that is in use, 0 to 1
 */
@Experimental(since = "1.1")
public record CacheStatistics(long entries, long lookups, long hits, long misses, long evictions, long tooLarge,
        long lookupNanos, long insertionNanos, double utilization) {
}
