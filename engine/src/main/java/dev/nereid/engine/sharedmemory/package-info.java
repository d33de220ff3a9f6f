/** Memory that clients share with the server: named regions of POSIX shared memory objects and of GPU memory. */
@NullMarked
package dev.nereid.engine.sharedmemory;

import org.jspecify.annotations.NullMarked;
