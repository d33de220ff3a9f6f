/** Looks at what the server needs on this machine, before any port is opened, and says what to do about it. */
@NullMarked
package dev.nereid.server.doctor;

import org.jspecify.annotations.NullMarked;
