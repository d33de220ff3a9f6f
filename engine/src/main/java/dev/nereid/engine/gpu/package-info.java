/**
 * The GPUs of the machine, as the server itself needs them: which there are, what they can do and how busy they are,
 * page-locked memory, and memory of other processes. It asks the driver's own two libraries through the JDK, so that it
 * works wherever there is a driver, and needs nothing where there is none.
 */
@NullMarked
package dev.nereid.engine.gpu;

import org.jspecify.annotations.NullMarked;
