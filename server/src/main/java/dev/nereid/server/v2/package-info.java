/**
 * The v2 protocol without a wire: what clients may ask beside inference, and by which rules and words it is answered or
 * refused. Front ends decode a request, ask here, and encode the record that they get.
 */
@NullMarked
package dev.nereid.server.v2;

import org.jspecify.annotations.NullMarked;
