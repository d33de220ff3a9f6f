/** Model repositories in Google Cloud Storage: its JSON API, with Google's library for credentials. */
@NullMarked
package dev.nereid.location.gcs;

import org.jspecify.annotations.NullMarked;
