/** Tests of the crash backend. */
@NullMarked
package dev.nereid.backend.crash;

import org.jspecify.annotations.NullMarked;
