package dev.nereid.server.protocol;

import dev.nereid.engine.request.RequestData;

/**
 * A request off the wire.
 *
 * @param request what is to be executed
 * @param outputs how the client wants the outputs
 */
public record DecodedRequest(RequestData request, OutputFormats outputs) {
}
