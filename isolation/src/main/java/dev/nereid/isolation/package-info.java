/** Models whose backends work in processes of their own, so that what ends one of these leaves the server alone. */
@NullMarked
package dev.nereid.isolation;

import org.jspecify.annotations.NullMarked;
