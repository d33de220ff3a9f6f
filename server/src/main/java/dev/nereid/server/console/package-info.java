/** What the console shows and who may look, without a listener: the page, and one snapshot a second for all who do. */
@NullMarked
package dev.nereid.server.console;

import org.jspecify.annotations.NullMarked;
