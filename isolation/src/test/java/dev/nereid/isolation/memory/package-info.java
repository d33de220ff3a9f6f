/** Tests of the limits of memory. */
@NullMarked
package dev.nereid.isolation.memory;

import org.jspecify.annotations.NullMarked;
