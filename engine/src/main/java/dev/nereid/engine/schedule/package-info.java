/** SchedulerFactory and their queues: which request is executed when, and together with which others. */
@NullMarked
package dev.nereid.engine.schedule;

import org.jspecify.annotations.NullMarked;
