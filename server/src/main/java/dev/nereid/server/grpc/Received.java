package dev.nereid.server.grpc;

import com.google.protobuf.Message;
import dev.nereid.backend.api.InferenceException;
import java.util.Optional;

/**
 * A message as it came.
 *
 * @param <T> its type
 * @param message the message; an empty one where it could not be read
 * @param failure why it could not be read
 */
record Received<T extends Message>(T message, Optional<InferenceException> failure) {
}
