/** The server's side: worker processes, what keeps them running, and the backends, models and instances that stand for those in them. */
@NullMarked
package dev.nereid.isolation.host;

import org.jspecify.annotations.NullMarked;
