/** Tests of isolation's package {@code host}. */
@NullMarked
package dev.nereid.isolation.host;

import org.jspecify.annotations.NullMarked;
