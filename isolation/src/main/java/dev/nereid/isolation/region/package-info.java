/** Memory that the server and a worker process share, and the functions of the system that this takes. */
@NullMarked
package dev.nereid.isolation.region;

import org.jspecify.annotations.NullMarked;
