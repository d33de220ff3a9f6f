/** The worker's side: its main class, and the requests that backends see there. */
@NullMarked
package dev.nereid.isolation.child;

import org.jspecify.annotations.NullMarked;
