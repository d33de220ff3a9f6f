/** The iterative sequence backend: an example of requests that are executed more than once. */
@NullMarked
package dev.nereid.backend.iterative;

import org.jspecify.annotations.NullMarked;
