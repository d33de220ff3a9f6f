/** The next-token backend: an example of a loop over another model that streams. */
@NullMarked
package dev.nereid.backend.nexttoken;

import org.jspecify.annotations.NullMarked;
