/** Tests of the square backend. */
@NullMarked
package dev.nereid.backend.square;

import org.jspecify.annotations.NullMarked;
