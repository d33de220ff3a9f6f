/** Tests of isolation's package {@code region}. */
@NullMarked
package dev.nereid.isolation.region;

import org.jspecify.annotations.NullMarked;
