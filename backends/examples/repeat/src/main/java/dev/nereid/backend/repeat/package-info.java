/** The repeat backend: an example of answers that come after their execution. */
@NullMarked
package dev.nereid.backend.repeat;

import org.jspecify.annotations.NullMarked;
