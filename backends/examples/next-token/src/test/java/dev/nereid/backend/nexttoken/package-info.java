/** Tests of the next-token backend. */
@NullMarked
package dev.nereid.backend.nexttoken;

import org.jspecify.annotations.NullMarked;
