/** Tests of the iterative sequence backend. */
@NullMarked
package dev.nereid.backend.iterative;

import org.jspecify.annotations.NullMarked;
