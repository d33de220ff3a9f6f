/** Discovery of backends and the class loaders that keep them apart. */
@NullMarked
package dev.nereid.engine.plugin;

import org.jspecify.annotations.NullMarked;
