/**
 * The text tagger: finds in each text what the regular expressions in a file of the model describe. An example, for
 * authors of backends, of strings in and out, of a model's own file, and of work that must not go on for ever.
 */
@NullMarked
package dev.nereid.backend.texttagger;

import org.jspecify.annotations.NullMarked;
