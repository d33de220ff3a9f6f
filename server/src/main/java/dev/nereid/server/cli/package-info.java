/** The command line: flags, start-up, shutdown. */
@NullMarked
package dev.nereid.server.cli;

import org.jspecify.annotations.NullMarked;
