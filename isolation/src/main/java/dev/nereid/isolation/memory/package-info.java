/** What keeps the memory of worker processes within its limits. */
@NullMarked
package dev.nereid.isolation.memory;

import org.jspecify.annotations.NullMarked;
