/** Tests of the identity backend. */
@NullMarked
package dev.nereid.backend.identity;

import org.jspecify.annotations.NullMarked;
