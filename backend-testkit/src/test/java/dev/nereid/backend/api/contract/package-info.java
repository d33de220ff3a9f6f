/** Tests of the contract test kit itself. */
@NullMarked
package dev.nereid.backend.api.contract;

import org.jspecify.annotations.NullMarked;
