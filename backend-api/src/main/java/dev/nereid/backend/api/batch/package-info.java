/** Helpers that make batching a few lines for a backend author: gathering inputs and scattering outputs. */
@NullMarked
package dev.nereid.backend.api.batch;

import org.jspecify.annotations.NullMarked;
