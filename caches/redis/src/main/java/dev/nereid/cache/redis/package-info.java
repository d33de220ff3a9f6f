/** The response cache in a Redis server, which other servers share. */
@NullMarked
package dev.nereid.cache.redis;

import org.jspecify.annotations.NullMarked;
