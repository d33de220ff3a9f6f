/** Tests of models in processes of their own. */
@NullMarked
package dev.nereid.isolation;

import org.jspecify.annotations.NullMarked;
