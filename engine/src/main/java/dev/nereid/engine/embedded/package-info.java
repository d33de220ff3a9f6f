/** The engine as other programs have it, over the one that the server uses. */
@NullMarked
package dev.nereid.engine.embedded;

import org.jspecify.annotations.NullMarked;
