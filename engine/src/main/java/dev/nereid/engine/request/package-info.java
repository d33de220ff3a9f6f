/** A request in the domain's terms, and its check against the configuration of the model it is for. */
@NullMarked
package dev.nereid.engine.request;

import org.jspecify.annotations.NullMarked;
