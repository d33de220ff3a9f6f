/** The response cache: answers that are given again to equal requests, without an execution. */
@NullMarked
package dev.nereid.engine.cache;

import org.jspecify.annotations.NullMarked;
