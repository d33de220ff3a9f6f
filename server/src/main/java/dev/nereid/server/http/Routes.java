package dev.nereid.server.http;

import java.util.Optional;

/** What the paths of one connection address. Most clients send all their requests to one. For the connection's thread. */
final class Routes {
    private String lastPath = "";
    private Optional<Route> lastRoute = Optional.empty();

    /** Returns what a path addresses; empty for nothing. */
    Optional<Route> route(String path) {
        if (!path.equals(lastPath)) {
            lastRoute = Route.match(path);
            lastPath = path;
        }
        return lastRoute;
    }
}
