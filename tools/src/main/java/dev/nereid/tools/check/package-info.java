/**
 * The repository checker: {@code nereid check}.
 *
 * <p>{@link dev.nereid.tools.check.CheckCommand} takes each model through the checks of a server that loads it, as far
 * as they need no backend, and reports everything that it finds with the server's own texts.
 */
@NullMarked
package dev.nereid.tools.check;

import org.jspecify.annotations.NullMarked;
