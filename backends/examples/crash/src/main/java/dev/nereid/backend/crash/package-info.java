/** The crash backend, for tests of what happens when a model ends its process. */
@NullMarked
package dev.nereid.backend.crash;

import org.jspecify.annotations.NullMarked;
