/**
 * The contract between the server and a response cache that comes as a plugin.
 *
 * <p>A plugin implements {@link CacheFactory} and {@link ResponseCache}; every other type here is the server's.
 */
@NullMarked
package dev.nereid.backend.api.cache;

import org.jspecify.annotations.NullMarked;
