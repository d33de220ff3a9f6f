/**
 * Makes sample models: TorchScript files with random but fixed weights, and a model repository of them.
 *
 * <p>{@link dev.nereid.tools.samples.SampleRepository} writes the repository,
 * {@link dev.nereid.tools.samples.SampleModels} the single files.
 */
@NullMarked
package dev.nereid.tools.samples;

import org.jspecify.annotations.NullMarked;
