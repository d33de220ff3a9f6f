/**
 * The model configuration as immutable records: what {@code config.pbtxt} says, with defaults filled in. Field meanings
 * are those of the reference's {@code ModelConfig} message; names are in plain Java.
 */
@NullMarked
package dev.nereid.backend.api.config;

import org.jspecify.annotations.NullMarked;
