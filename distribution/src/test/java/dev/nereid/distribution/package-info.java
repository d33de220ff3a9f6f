/** Tests of the whole: the built layout, started as a user would start it, over real sockets. */
@NullMarked
package dev.nereid.distribution;

import org.jspecify.annotations.NullMarked;
