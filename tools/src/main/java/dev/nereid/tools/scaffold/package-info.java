/** Writes the project of a new backend: what {@code nereid new-backend} does. */
@NullMarked
package dev.nereid.tools.scaffold;

import org.jspecify.annotations.NullMarked;
