/** What tools that measure have in common: the frame of a page, plots, and a line of progress. */
@NullMarked
package dev.nereid.tools.report;

import org.jspecify.annotations.NullMarked;
