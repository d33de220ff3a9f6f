/** Tests of the repeat backend. */
@NullMarked
package dev.nereid.backend.repeat;

import org.jspecify.annotations.NullMarked;
