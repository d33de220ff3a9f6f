/** Tests of tensors. */
@NullMarked
package dev.nereid.backend.api.tensor;

import org.jspecify.annotations.NullMarked;
