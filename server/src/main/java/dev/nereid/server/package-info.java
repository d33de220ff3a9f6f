/** The running system: wiring of engine, front ends and command line. */
@NullMarked
package dev.nereid.server;

import org.jspecify.annotations.NullMarked;
