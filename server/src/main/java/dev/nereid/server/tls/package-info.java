/** Keys and certificates of the server's listeners, read again when their files change. */
@NullMarked
package dev.nereid.server.tls;

import org.jspecify.annotations.NullMarked;
