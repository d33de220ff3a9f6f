/** Instances of models: the threads that drive them, what executes a batch on them, and the resources that they share. */
@NullMarked
package dev.nereid.engine.instance;

import org.jspecify.annotations.NullMarked;
