/**
 * Between the wire and the domain: JSON, binary tensors, classification, and the generate extension. Nothing here does
 * input or output; it turns bytes into requests and tensors into bytes.
 */
@NullMarked
package dev.nereid.server.protocol;

import org.jspecify.annotations.NullMarked;
