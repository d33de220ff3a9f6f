/**
 * The configuration of a model: reading {@code config.pbtxt} and its JSON form, filling in what it leaves out, checking
 * it, and showing it to clients. The message is in {@code model_config.proto}; {@link
 * dev.nereid.repository.config.ModelConfigs} turns it into the records that backends see.
 */
@NullMarked
package dev.nereid.repository.config;

import org.jspecify.annotations.NullMarked;
