/** Tests of isolation's package {@code wire}. */
@NullMarked
package dev.nereid.isolation.wire;

import org.jspecify.annotations.NullMarked;
