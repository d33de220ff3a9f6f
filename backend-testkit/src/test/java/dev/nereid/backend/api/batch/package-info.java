/** Tests of the batching helpers. */
@NullMarked
package dev.nereid.backend.api.batch;

import org.jspecify.annotations.NullMarked;
