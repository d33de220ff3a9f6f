/** Queues and instances: which request is executed when, on which instance, by which thread. */
@NullMarked
package dev.nereid.server.scheduler;

import org.jspecify.annotations.NullMarked;
