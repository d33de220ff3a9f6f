/** Model repositories in S3, with its official client. */
@NullMarked
package dev.nereid.location.s3;

import org.jspecify.annotations.NullMarked;
