/** The square backend: an example of any number of answers. */
@NullMarked
package dev.nereid.backend.square;

import org.jspecify.annotations.NullMarked;
