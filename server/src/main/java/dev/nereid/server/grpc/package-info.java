/** The gRPC front end: its port, its calls and what they answer. */
@NullMarked
package dev.nereid.server.grpc;

import org.jspecify.annotations.NullMarked;
