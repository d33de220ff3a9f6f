/**
 * The inference engine as other programs use it. Everything else of this module may change at any time.
 */
@NullMarked
package dev.nereid.engine;

import org.jspecify.annotations.NullMarked;
