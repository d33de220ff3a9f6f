/** What the server and a worker process tell each other: records, frames and connections. */
@NullMarked
package dev.nereid.isolation.wire;

import org.jspecify.annotations.NullMarked;
