/** A request in the domain's terms, and its check against the configuration of the model it is for. */
@NullMarked
package dev.nereid.server.request;

import org.jspecify.annotations.NullMarked;
