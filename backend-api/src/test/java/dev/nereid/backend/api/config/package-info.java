/** Tests of the model configuration. */
@NullMarked
package dev.nereid.backend.api.config;

import org.jspecify.annotations.NullMarked;
