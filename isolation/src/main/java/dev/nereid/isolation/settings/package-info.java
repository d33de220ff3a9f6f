/** What operators and models may say of worker processes. */
@NullMarked
package dev.nereid.isolation.settings;

import org.jspecify.annotations.NullMarked;
