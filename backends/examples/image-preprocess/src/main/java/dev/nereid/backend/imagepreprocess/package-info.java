/**
 * Image preprocessing: JPEG and PNG pictures become normalised tensors, which another model may be called with. An
 * example, for authors of backends, of input that can't be trusted, of parameters, and of calls to other models.
 */
@NullMarked
package dev.nereid.backend.imagepreprocess;

import org.jspecify.annotations.NullMarked;
