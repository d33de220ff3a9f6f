/** Memory that clients share with the server: named regions of POSIX shared memory objects. */
@NullMarked
package dev.nereid.server.sharedmemory;

import org.jspecify.annotations.NullMarked;
