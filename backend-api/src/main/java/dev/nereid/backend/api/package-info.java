/**
 * The contract between the server and a backend plugin.
 *
 * <p>A plugin implements {@link dev.nereid.backend.api.BackendFactory}, {@link dev.nereid.backend.api.Backend},
 * {@link dev.nereid.backend.api.Model} and {@link dev.nereid.backend.api.ModelInstance}; each creates the next and is
 * closed after it, exactly once. Every other interface here is implemented by the server. Compatibility rules are in
 * {@link dev.nereid.backend.api.ApiVersion}.
 */
@NullMarked
package dev.nereid.backend.api;

import org.jspecify.annotations.NullMarked;
