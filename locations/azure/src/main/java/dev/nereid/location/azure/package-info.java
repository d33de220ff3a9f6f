/** Model repositories in Azure Blob Storage, with its official client. */
@NullMarked
package dev.nereid.location.azure;

import org.jspecify.annotations.NullMarked;
