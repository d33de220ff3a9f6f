/** Tests of the text tagger. */
@NullMarked
package dev.nereid.backend.texttagger;

import org.jspecify.annotations.NullMarked;
