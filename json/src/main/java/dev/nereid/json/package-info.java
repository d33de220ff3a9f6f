/** JSON documents, read and written without an object for each value. */
@NullMarked
package dev.nereid.json;

import org.jspecify.annotations.NullMarked;
