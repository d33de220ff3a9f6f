/** Ensembles: models that consist of other models, whose requests run through a graph of steps. */
@NullMarked
package dev.nereid.engine.ensemble;

import org.jspecify.annotations.NullMarked;
