package dev.nereid.server.http;

import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.Router;
import io.helidon.webserver.http.ErrorHandlers;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.HttpSecurity;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import java.util.Map;

/**
 * Gives every request to one handler, whatever its path and method. Helidon's own routing insists on an answer through
 * the response that it offers; here the handler may also write one to the connection.
 */
final class EveryRequest implements HttpRouting {
    private final Handler handler;
    private final ErrorHandlers errors = ErrorHandlers.create(Map.of());
    private final HttpSecurity security = HttpSecurity.create();

    private EveryRequest(Handler handler) {
        this.handler = handler;
    }

    /** Returns a router that knows nothing else. */
    static Router router(Handler handler) {
        return Router.builder().addRouting(new Ready(new EveryRequest(handler))).build();
    }

    /** Stands for a builder, which a router asks for. */
    private record Ready(EveryRequest routing) implements io.helidon.common.Builder<Ready, EveryRequest> {
        @Override
        public EveryRequest build() {
            return routing;
        }
    }

    @Override
    public void route(ConnectionContext context, RoutingRequest request, RoutingResponse response) {
        errors.runWithErrorHandling(context, request, response, () -> {
            handler.handle(request, response);
            return null;
        });
    }

    @Override
    public HttpSecurity security() {
        return security;
    }
}
