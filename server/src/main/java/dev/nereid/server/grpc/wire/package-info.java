/** The messages of inference as they travel: read from the transport's buffers and written to them without a copy too many. */
@NullMarked
package dev.nereid.server.grpc.wire;

import org.jspecify.annotations.NullMarked;
