/** Tests that every document of a deployment is one that clusters take. */
@NullMarked
package dev.nereid.distribution.deploy;

import org.jspecify.annotations.NullMarked;
