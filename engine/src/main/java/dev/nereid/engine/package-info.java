/**
 * The inference engine as other programs use it. Everything else of this module may change at any time.
 *
 * <p>What is here stays compatible within a version before the first dot. Programs implement
 * {@link dev.nereid.engine.ResponseListener} only; the other interfaces may gain methods. The records
 * {@link dev.nereid.engine.EngineOptions} and those in it, {@link dev.nereid.engine.Inference},
 * {@link dev.nereid.engine.ModelVersion} and {@link dev.nereid.engine.ModelStatus} may gain components: make them with
 * {@code DEFAULT}, {@code of} and {@code with...}, and don't take them apart by a pattern.
 */
@NullMarked
package dev.nereid.engine;

import org.jspecify.annotations.NullMarked;
