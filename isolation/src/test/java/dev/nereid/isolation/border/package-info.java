/** A backend that uses everything that goes over the border between processes. */
@NullMarked
package dev.nereid.isolation.border;

import org.jspecify.annotations.NullMarked;
