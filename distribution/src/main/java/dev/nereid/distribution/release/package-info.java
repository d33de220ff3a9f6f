/** What a release says of what is in it: a bill of materials and the licences. Runs in the build only. */
@NullMarked
package dev.nereid.distribution.release;

import org.jspecify.annotations.NullMarked;
