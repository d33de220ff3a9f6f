/**
 * The identity backend: outputs are inputs. It is the worked example for authors of backends, costs next to nothing
 * where the server itself is to be measured, and delays or fails on purpose where the server is to be tested.
 */
@NullMarked
package dev.nereid.backend.identity;

import org.jspecify.annotations.NullMarked;
