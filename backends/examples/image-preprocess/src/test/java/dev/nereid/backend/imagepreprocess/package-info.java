/** Tests of image preprocessing. */
@NullMarked
package dev.nereid.backend.imagepreprocess;

import org.jspecify.annotations.NullMarked;
