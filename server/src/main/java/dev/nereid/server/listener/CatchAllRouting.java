package dev.nereid.server.listener;

import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.Router;
import io.helidon.webserver.http.ErrorHandlers;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.HttpSecurity;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import java.util.Map;

/**
 * Gives every request to the handler of its connection, whatever its path and method. Helidon's own routing insists on an
 * answer through the response that it offers; here the handler may also write one to the connection.
 */
final class CatchAllRouting implements HttpRouting {
    private final ErrorHandlers errors = ErrorHandlers.create(Map.of());
    private final HttpSecurity security = HttpSecurity.create();

    private CatchAllRouting() {
    }

    /** Returns a router that knows nothing else. */
    static Router router() {
        return Router.builder().addRouting(new Ready(new CatchAllRouting())).build();
    }

    /** Stands for a builder, which a router asks for. */
    private record Ready(CatchAllRouting routing) implements io.helidon.common.Builder<Ready, CatchAllRouting> {
        @Override
        public CatchAllRouting build() {
            return routing;
        }
    }

    @Override
    public void route(ConnectionContext context, RoutingRequest request, RoutingResponse response) {
        if (!(context instanceof ClientConnection connection)) {
            throw new IllegalStateException("a connection that is not this listener's");
        }
        errors.runWithErrorHandling(context, request, response, () -> {
            connection.handle(request, response);
            return null;
        });
    }

    @Override
    public HttpSecurity security() {
        return security;
    }
}
