/**
 * Serves TorchScript models with libtorch.
 *
 * <p>{@link dev.nereid.backend.pytorch.PyTorchBackendFactory} is the plugin. Types of JavaCPP stay inside this package.
 */
@NullMarked
package dev.nereid.backend.pytorch;

import org.jspecify.annotations.NullMarked;
