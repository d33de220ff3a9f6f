/**
 * The places that model repositories lie in. A directory is used as it is; from object storage, each model is fetched into a
 * cache on the local disk before anybody reads it, so that everything behind this package reads files.
 */
@NullMarked
package dev.nereid.repository.location;

import org.jspecify.annotations.NullMarked;
