/** Tests of the contract's own types. */
@NullMarked
package dev.nereid.backend.api;

import org.jspecify.annotations.NullMarked;
