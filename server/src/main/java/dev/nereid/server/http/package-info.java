/** The v2 HTTP front end and the metrics listener. */
@NullMarked
package dev.nereid.server.http;

import org.jspecify.annotations.NullMarked;
