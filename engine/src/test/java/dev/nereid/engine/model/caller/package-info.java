/** A backend that calls other models; the tests put its classes into a plugin jar. */
@NullMarked
package dev.nereid.engine.model.caller;

import org.jspecify.annotations.NullMarked;
