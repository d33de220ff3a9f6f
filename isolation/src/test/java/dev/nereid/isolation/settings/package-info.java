/** Tests of isolation's package {@code settings}. */
@NullMarked
package dev.nereid.isolation.settings;

import org.jspecify.annotations.NullMarked;
