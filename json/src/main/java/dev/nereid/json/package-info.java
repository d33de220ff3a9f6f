/**
 * JSON, read and written without an object for each value. There are two readers, because they serve two kinds of text.
 * {@link dev.nereid.json.JsonDocument} reads what clients' libraries write, on the path of every request: bytes, noted by
 * offset, with what the reference accepts and the texts it refuses the rest with. {@link dev.nereid.json.JsonCursor} reads
 * what people write, such as a configuration, once for each load: strictly, and each error names line and column. One
 * reader for both would have to count lines on the path of requests, or to be strict by a switch at every character.
 */
@NullMarked
package dev.nereid.json;

import org.jspecify.annotations.NullMarked;
