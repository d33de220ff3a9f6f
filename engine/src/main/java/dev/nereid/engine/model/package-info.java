/** Models and their versions: loading, serving, unloading, and what the repository index says about them. */
@NullMarked
package dev.nereid.engine.model;

import org.jspecify.annotations.NullMarked;
