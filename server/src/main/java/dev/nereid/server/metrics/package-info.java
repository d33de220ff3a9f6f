/** The Prometheus text of what the server counts. */
@NullMarked
package dev.nereid.server.metrics;

import org.jspecify.annotations.NullMarked;
