/** Which sequence has which slot of which instance, and which requests of them are executed together. */
@NullMarked
package dev.nereid.engine.schedule.sequence;

import org.jspecify.annotations.NullMarked;
